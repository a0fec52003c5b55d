"""Batches that need the network: its weights, the process, torch, and the run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sharp_cli.batch.store import is_remote
from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.batches import finish, run_batch, show_plan
from sharp_cli.cli.display.report import Report
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.weights import download_shown
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.runtime.timing import Stopwatch
from sharp_cli.weights.catalog import PREVIEW, Checkpoint

if TYPE_CHECKING:
    from sharp_cli.batch.convert import ConvertTask
    from sharp_cli.batch.task import Job

MADE_WITH_PREVIEW = (
    "Made with the preview model, for a first look. The released one is far larger (see `sharp weights list`)."
)


def run_network_batch(
    command: str,
    task: ConvertTask,
    jobs: list[Job],
    settings: dict[str, Any],
    batch: BatchOptions,
    *,
    dry_run: bool,
) -> None:
    """Run a batch, after the weights are on this machine; or print what would be done.

    Args:
        settings: for the run's record, beside those of the network and of the splats.

    Raises:
        SharpError: no weights, or what stopped the run.
        typer.Exit: with code 1, a job failed.
    """
    network = task.network
    anything = any(missing(job) is None for job in jobs)
    if not anything:
        jobs = [replace(job, problem=missing(job)) for job in jobs]  # a misspelled name needs no weights
    if not dry_run and anything:
        network.fetch(fetch)  # before the display of the batch: a download has its own
        prepare(len(jobs))
    with Stopwatch(task.setup_seconds).stage("import"):
        import_torch()
    if dry_run:
        show_plan(task, jobs)
        return
    settings = {**settings, "weights": network.weights, "precision": network.precision, **task.recipe.settings()}
    with Report(len(jobs), task, batch) as report:
        summary = run_batch(command, task, jobs, report, settings, batch)
        if "load" in task.setup_seconds and network.predictor.facts.get("name") == PREVIEW.name:
            report.line(MADE_WITH_PREVIEW)
    finish(summary)


def missing(job: Job) -> str | None:
    """Why there is nothing to convert, if that is certain before the run."""
    if job.problem or is_remote(job.source):
        return job.problem
    try:
        job.source.stat()
    except FileNotFoundError as error:
        return f"cannot read {job.source}: {error.strerror}"
    except (OSError, ValueError):  # reading says so
        pass
    return None


def prepare(jobs: int) -> None:
    """Set up the process for several photos, before torch is loaded."""
    if jobs > 1:
        keep_freed_memory()
        from PIL import Image

        if "PILLOW_BLOCKS_MAX" not in os.environ:  # which Pillow has read: it is loaded already
            # Of 16 MB; keeps a photo's memory for the next one.
            Image.core.set_blocks_max(4)  # type: ignore[attr-defined]


def fetch(checkpoint: Checkpoint) -> Path:
    """Download, after naming the weights that need no download."""
    typer.echo(f"`--weights {PREVIEW.name}` needs no download: {PREVIEW.note}.", err=True)
    return download_shown(checkpoint)
