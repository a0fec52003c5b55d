"""What the batch commands share: from inputs to jobs, the plan, the run with its record, and the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import typer

from sharp_cli.batch.inputs import find_inputs, lines_of
from sharp_cli.batch.manifest import Manifest
from sharp_cli.batch.pipeline import Done, Job, Outcome, Stages, StopRun, run
from sharp_cli.batch.targets import choose_targets
from sharp_cli.cli.display.plain import plain
from sharp_cli.cli.display.report import Report
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import holds, remove_leftovers

STDIN = STDOUT = "-"

FILE_SUFFIXES = frozenset(
    {".ply", ".splat", ".spz", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".gif", ".webp", ".png", ".jpg"}
)
"""A folder for results is hardly ever called like this."""


def words_of(inputs: list[str]) -> list[str]:
    """The inputs as given, with the list on standard input in the place of ``-``.

    Raises:
        typer.BadParameter: an empty name, which would mean the whole folder.
    """
    if "" in inputs:
        raise typer.BadParameter("an input has an empty name.", param_hint="INPUT")
    if STDIN not in inputs:
        return inputs
    listed = lines_of(sys.stdin.buffer.read())
    return [word for given in inputs for word in (listed if given == STDIN else [given])]


def choose_jobs(
    words: list[str],
    out: Path | None,
    *,
    suffixes: frozenset[str],
    what: str,
    ending: str,
    free: Callable[[Path, Path], bool],
    results: Callable[[Path], list[Path]],
    one_result: bool,
    pass_over: Callable[[Path], bool] = lambda path: False,
) -> list[Job]:
    """What to work on, and what it becomes.

    Args:
        words: from :func:`words_of`.
        suffixes, what, pass_over: of the inputs, as for :func:`find_inputs`.
        ending, free, results: as for :func:`choose_targets`.
        one_result: ``out`` is the result itself, not a folder for results.

    Raises:
        typer.BadParameter: one result for several inputs, or a folder for results named like a file.
    """
    if out is not None and not one_result and out.suffix.lower() in FILE_SUFFIXES and not holds(out.is_dir):
        raise typer.BadParameter(f"{out} is named like a file that cannot be made here.", param_hint="--out")
    found = find_inputs(words, suffixes, what=what, leave_out=None if one_result else out, pass_over=pass_over)
    if one_result and len(found) > 1:
        raise typer.BadParameter(f"several {what} need a folder, not one {ending} file.", param_hint="--out")
    single = one_result and out is not None
    targets = [cast(Path, out)] if single else choose_targets(found, out, ending, free, results)
    for each, target in zip(found, targets, strict=True):
        if each.problem is None and holds(lambda: target.samefile(each.path)):  # noqa: B023  asked at once
            raise typer.BadParameter(f"{each.path} would be replaced by its own result.", param_hint="INPUT")
    return [Job(each.path, target, each.problem) for each, target in zip(found, targets, strict=True)]


def choose_color(name: str) -> tuple[int, int, int]:
    """A colour's red, green and blue, 0..255.

    Raises:
        typer.BadParameter: no such colour.
    """
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getcolor(name, "RGB")  # type: ignore[misc]
    except ValueError:
        raise typer.BadParameter(f"{name!r} is no colour: give a name or #rrggbb.", param_hint="--background") from None
    return red, green, blue


def show_plan(jobs: list[Job], check: Callable[[Job], object]) -> None:
    """Print a line for each job to stdout: what would become of it, as far as can be told without doing it.

    Args:
        check: raises :class:`Done` or :class:`SharpError` for a job that would not be begun.

    Raises:
        typer.Exit: with code 1, a job would fail.
    """
    failing = False
    for job in jobs:
        try:
            if job.problem:
                raise SharpError(job.problem)
            if not holds(job.source.exists):
                raise SharpError(f"{job.source} does not exist.")
            check(job)
            line = f"make  {job.source} → {job.target}"
        except Done:
            line = f"skip  {job.source} → {job.target}"
        except SharpError as error:
            line, failing = f"fail  {error}", True
        sys.stdout.write(plain(line) + "\n")
    if failing:
        raise typer.Exit(1)


def run_batch(
    command: str,
    jobs: list[Job],
    stages: Stages[Any, Any],
    report: Report,
    settings: dict[str, Any],
    *,
    json_file: Path | None,
    fail_fast: bool,
) -> None:
    """Run a batch, keep its record, and end with the table.

    Raises:
        typer.Exit: with code 1, a job failed.
        SharpError: the run had to end early, or its record cannot be written.
    """
    for folder in {job.target.parent for job in jobs}:
        remove_leftovers(folder)
    to_stdout = json_file is not None and str(json_file) == STDOUT
    manifest = Manifest(None if to_stdout else json_file, command, settings, jobs)

    def ended(outcome: Outcome) -> None:
        manifest.add(outcome)
        report.ended(outcome)

    state = "interrupted"
    problem: SharpError | None = None
    try:
        run(jobs, stages, begun=report.begun, ended=ended, fail_fast=fail_fast)
        state = "finished" if sum(report.counts.values()) == len(jobs) else "stopped"
    except StopRun as error:
        state, problem = "stopped", error
    finally:
        report.close(state)
        try:
            record = manifest.close(state, report.totals(), str(problem) if problem else None)
        except SharpError as error:  # not instead of what ended the run
            report.line(str(error), always=True)
            problem = problem or error
        else:
            if to_stdout:
                sys.stdout.write(json.dumps(record, indent=1) + "\n")
    if problem:
        raise problem
    if report.counts["failed"]:
        raise typer.Exit(1)
