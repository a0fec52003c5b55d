"""``sharp watch``: convert photos as they arrive in a folder."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharp_cli.batch.events import Listener
from sharp_cli.cli import options as opt
from sharp_cli.cli.batches import choose_jobs
from sharp_cli.cli.choices import Device, OutputFormat, PlyLayout, Precision
from sharp_cli.cli.display.plain import plain
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.network_batches import fetch, prepare
from sharp_cli.cli.remedies import explain

if TYPE_CHECKING:
    from sharp_cli.batch.task import JobResult, Task


class Lines(Listener):
    """A line on stderr for each photo."""

    def ended(self, result: JobResult) -> None:
        """Name the photo and its splat, or why it failed."""
        if result.status == "failed":
            typer.echo(f"failed: {plain(explain(result.reason or '', result.code))}", err=True)
        elif result.status == "made":
            typer.echo(f"{plain(str(result.job.source))} → {plain(str(result.job.target))}", err=True)


def watch(
    folder: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Watched with its subfolders for photos.")
    ],
    out: Annotated[Path, opt.option(opt.OUTPUT, "A folder that mirrors FOLDER.", "--out", "-o")],
    format: Annotated[OutputFormat, opt.option(opt.OUTPUT, "Format of the splats.", "--format")] = OutputFormat.ply,
    weights: opt.Weights = "sharp",
    device: opt.NetworkDevice = Device.auto,
    precision: opt.NetworkPrecision = Precision.auto,
    low_vram: opt.LowVram = False,
    settle: Annotated[
        float, opt.option(opt.BATCH, "Seconds without a change after which a photo counts as complete.", min=0)
    ] = 2.0,
) -> None:
    """Convert photos as they arrive in a folder, until Ctrl-C.

    Photos that are there already are converted first; results that exist are skipped. A photo that changes is converted
    again. If a photo fails, the others continue.
    """
    from sharp_cli.batch.convert import ConvertTask, Recipe
    from sharp_cli.batch.network import Network
    from sharp_cli.batch.watch import watch as arrivals

    recipe = Recipe(ply_layout=PlyLayout.standard.value, suffix=f".{format.value}")
    network = Network(weights, device.value, precision.value, low_vram)
    task = ConvertTask(recipe, network)
    network.fetch(fetch)
    prepare(2)
    import_torch()
    typer.echo(f"Watching {plain(str(folder))}. Press Ctrl-C to stop.", err=True)
    try:
        for ready in arrivals(folder, task.suffixes, Event(), settle):
            convert_ready(task, folder, out, ready)
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)


def convert_ready(task: Task[Any, Any], folder: Path, out: Path, ready: list[Path]) -> None:
    """Convert some photos of the folder.

    Raises:
        SharpError: what would stop every photo, such as a full disk.
    """
    from sharp_cli.batch.pipeline import run

    # The names of results depend on all photos in the folder.
    jobs = [job for job in choose_jobs(task, [str(folder)], out) if job.source.resolve() in ready]
    summary = run(jobs, task, [Lines()])
    if summary.problem:
        raise summary.problem
