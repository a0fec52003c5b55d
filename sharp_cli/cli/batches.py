"""What the batch commands share: jobs from words, the plan, the run with its record, and the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from sharp_cli.batch.event_lines import EventLines
from sharp_cli.batch.events import Listener, RunSummary
from sharp_cli.batch.jobs import find_jobs, plan
from sharp_cli.batch.lists import parse_list
from sharp_cli.batch.manifest import Manifest
from sharp_cli.batch.pipeline import run
from sharp_cli.batch.shards import Shard
from sharp_cli.batch.side_outputs import check_side_output
from sharp_cli.batch.store import is_remote
from sharp_cli.batch.task import Job, Task
from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.display.plain import echo
from sharp_cli.cli.display.report import Report
from sharp_cli.cli.remedies import explain
from sharp_cli.cli.streams import STDIN, is_stdout
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import remove_leftovers


def is_debug(context: typer.Context) -> bool:
    """Whether ``--debug`` was given."""
    return bool(context.find_root().params.get("debug"))


def read_words(inputs: list[str]) -> list[str]:
    """The inputs as given, with the list on standard input in place of ``-``.

    Raises:
        typer.BadParameter: an empty name, which would mean the whole folder, or a list that is not one.
    """
    if "" in inputs:
        raise typer.BadParameter("an input has an empty name", param_hint="INPUT")
    return names_of(inputs, sys.stdin.buffer.read()) if STDIN in inputs else inputs


def names_of(inputs: list[str], data: bytes) -> list[str]:
    """The inputs with the names in ``data``, a list from standard input, in place of ``-``.

    Raises:
        typer.BadParameter: it is not a list.
    """
    try:
        listed = parse_list(data)
    except SharpError as error:
        raise typer.BadParameter(str(error), param_hint="INPUT") from error
    return [word for given in inputs for word in (listed if given == STDIN else [given])]


def choose_jobs(
    task: Task[Any, Any],
    words: list[str],
    out: Path | None,
    shard: Shard | None = None,
    *,
    record: Path | None = None,
    reads: Iterable[Path] = (),
    overwrite: bool = False,
) -> list[Job]:
    """What to work on, and what it becomes.

    Args:
        shard: keep its part. The targets are those of the whole batch, so that shards never choose the same one.
        record: where the run's record goes; checked before anything is read or written.
        reads: files beside the inputs that the run reads.
        overwrite: whether the record may replace files of other kinds.

    Raises:
        typer.BadParameter: the words make no sense together.
        SharpError: the record would replace something else (``exists``).
    """
    if is_stdout(out):
        raise typer.BadParameter("results cannot be written to stdout (name a file or a folder)", param_hint="--out")
    if is_remote(record):
        raise typer.BadParameter("the record cannot go to an object store (name a local file)", param_hint="--json")
    try:
        if any(map(is_remote, (*words, out))):
            from sharp_cli.batch.cloud import find_remote_jobs

            jobs = find_remote_jobs(task, words, out)
        else:
            jobs = find_jobs(task, words, out)
    except SharpError as error:
        raise typer.BadParameter(str(error)) from error
    if record is not None and not is_stdout(record):
        check_beside("--json", record, task, jobs, reads, overwrite=overwrite)
    return take_part(jobs, shard)


def take_part(jobs: list[Job], shard: Shard | None) -> list[Job]:
    """The jobs of a shard; all of them if there is none."""
    return jobs if shard is None else [job for job in jobs if shard.holds(job.key)]


def check_beside(
    option: str, path: Path, task: Task[Any, Any], jobs: list[Job], reads: Iterable[Path], **rules: Any
) -> None:
    """Refuse a file beside the results that would replace an input, a result or something else.

    Args:
        option: that names the file.
        reads: files beside the jobs' sources that the run reads.
        rules: as for :func:`~sharp_cli.batch.side_outputs.check_side_output`.

    Raises:
        typer.BadParameter: an input, a result, or no place for a file.
        SharpError: something else (``exists``).
    """
    outputs = (output for job in jobs if not is_remote(job.target) for output in task.outputs(job.target))
    sources = (job.source for job in jobs if not is_remote(job.source))
    try:
        check_side_output(path, outputs=outputs, inputs=(*sources, *reads), **rules)
    except SharpError as error:
        if error.code == "usage":
            raise typer.BadParameter(str(error), param_hint=option) from error
        raise


def show_plan(task: Task[Any, Any], jobs: list[Job]) -> None:
    """Print a line for each job to stdout: what would become of it.

    Raises:
        typer.Exit: with code 1, a job would fail.
    """
    failing, task = False, _for_places(task, jobs)
    if not jobs:
        typer.echo(f"nothing to do: no {task.noun}", err=True)
    for verdict, job, error in plan(task, jobs):
        if error:
            failing = True
            echo(f"fail  {explain(str(error), error.code)}")
        else:
            echo(f"{verdict}  {job.source} → {job.target}")
    if failing:
        raise typer.Exit(1)


def run_batch(
    command: str,
    task: Task[Any, Any],
    jobs: list[Job],
    report: Report,
    settings: dict[str, Any],
    options: BatchOptions,
) -> RunSummary:
    """Run a batch and keep its record.

    Raises:
        SharpError: the record cannot be written.
    """
    task = _for_places(task, jobs)
    for folder in {os.path.split(job.target)[0] for job in jobs if not is_remote(job.target)}:
        remove_leftovers(Path(folder))
    file = options.json_file
    if options.shard is not None:
        settings = {**settings, "shard": str(options.shard)}
    record: Listener
    if is_stdout(file):
        record = EventLines(write_line, command, settings, len(jobs))
    else:
        record = Manifest(file, command, settings, jobs)
    if options.ray is None:
        return run(jobs, task, [record, report], fail_fast=options.fail_fast)
    from sharp_cli.batch.ray_pool import run_on_ray

    return run_on_ray(jobs, task, [record, report], options=options.ray, fail_fast=options.fail_fast)


def _for_places(task: Task[Any, Any], jobs: list[Job]) -> Task[Any, Any]:
    """The task, able to reach the jobs' objects if there are any."""
    if not any(is_remote(path) for job in jobs for path in (job.source, job.target)):
        return task
    from sharp_cli.batch.cloud import CloudTask

    return CloudTask(task)


def write_line(line: str) -> None:
    """Write a line to stdout at once."""
    sys.stdout.write(line)
    sys.stdout.flush()


def finish(summary: RunSummary) -> None:
    """End the command as its run ended.

    Raises:
        SharpError: what stopped the run.
        typer.Exit: with code 1, a job failed.
    """
    if summary.problem:
        raise summary.problem
    if summary.counts["failed"]:
        raise typer.Exit(1)
