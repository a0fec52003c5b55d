"""``sharp convert``: photos in, splats out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sharp_cli.cli.choices import Device, PlyLayout, Precision
from sharp_cli.cli.weights import download_shown
from sharp_cli.errors import SharpError
from sharp_cli.timing import Stopwatch, peak_memory
from sharp_cli.weights.store import resolve

if TYPE_CHECKING:
    from rich.progress import Progress

    from sharp_cli.predictor import Predictor


def convert(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Photos: JPEG, PNG and more.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A .ply file for one photo, else a folder. Default: beside each photo."),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Known weights (`sharp weights list`), or a .safetensors or .pt file.")
    ] = "sharp",
    device: Annotated[Device, typer.Option(help="Where the network runs; auto takes CUDA, else MPS, else CPU.")] = (
        Device.auto
    ),
    precision: Annotated[
        Precision, typer.Option(help="What the backbone computes in; auto is the fastest faithful one.")
    ] = Precision.auto,
    low_vram: Annotated[bool, typer.Option("--low-vram", help="Run part by part, for devices with little memory.")] = (
        False
    ),
    focal_px: Annotated[
        float | None, typer.Option(min=0.001, help="Focal length in pixels. Default: from EXIF, else 30 mm equivalent.")
    ] = None,
    ply_layout: Annotated[
        PlyLayout, typer.Option(help="standard opens everywhere; sharp adds the published tool's extra elements.")
    ] = PlyLayout.standard,
    timings: Annotated[bool, typer.Option("--timings", help="Print seconds per stage and peak memory.")] = False,
) -> None:
    """Turn photos into 3D Gaussian splats (.ply)."""
    targets = choose_targets(photos, out)
    start, watch, gaussians, failed = time.perf_counter(), Stopwatch(), 0, 0
    path = resolve(weights, download=download_shown)  # before our own display: a download has one of its own
    with progress_display() as progress:
        task = progress.add_task("loading the network", total=len(photos))
        with watch.stage("import"):
            from sharp_cli.predictor import predictor_from
            from sharp_cli.weights.read import read_weights
        with watch.stage("load"):
            predictor = predictor_from(read_weights(path), device.value, precision.value, low_vram)
        for photo, target in zip(photos, targets, strict=True):
            progress.update(task, description=photo.name)
            try:
                gaussians += convert_one(predictor, photo, target, focal_px, ply_layout, watch)
            except SharpError as error:
                failed += 1
                progress.console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            progress.advance(task)
    done = len(photos) - failed
    report(done, gaussians, time.perf_counter() - start, targets, watch if timings else None)
    if failed:
        raise typer.Exit(1)


def choose_targets(photos: list[Path], out: Path | None) -> list[Path]:
    """The .ply file of each photo.

    Raises:
        typer.BadParameter: one file for several photos, or several photos for one file.
    """
    if out is not None and out.suffix.lower() == ".ply":
        if len(photos) > 1:
            raise typer.BadParameter("several photos need a folder, not one .ply file.", param_hint="--out")
        return [out]
    targets = [(out or photo.parent) / f"{photo.stem}.ply" for photo in photos]
    for index, target in enumerate(targets):
        if target in targets[:index]:
            raise typer.BadParameter(f"two photos would both become {target}.", param_hint="PHOTO")
    return targets


def convert_one(
    predictor: Predictor, photo: Path, target: Path, focal_px: float | None, layout: PlyLayout, watch: Stopwatch
) -> int:
    """One photo to one file; the number of Gaussians.

    Raises:
        SharpError: the photo cannot be read, its result is not finite, or the file cannot be written.
    """
    from sharp_cli.formats.ply import write_ply
    from sharp_cli.photo import as_photo

    with watch.stage("decode"):
        picture = as_photo(photo, focal_px)
    with watch.stage("network"):
        ndc = predictor.run_network([picture])
    with watch.stage("decompose"):
        (gaussians,) = predictor.to_camera_space(ndc, [picture])
    with watch.stage("write"):
        try:
            write_ply(target, gaussians, layout.value)
        except OSError as error:
            raise SharpError(f"{target} cannot be written: {error.strerror or error}.") from error
    return len(gaussians)


@contextmanager
def progress_display() -> Iterator[Progress]:
    """A progress display on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        yield progress


def report(done: int, gaussians: int, seconds: float, targets: list[Path], watch: Stopwatch | None) -> None:
    """The closing line, and the timings where they are wanted, on stderr."""
    if watch is not None:
        for stage, spent in watch.seconds.items():
            typer.echo(f"{stage:>10}  {spent:7.2f} s", err=True)
        for kind, size in peak_memory().items():
            typer.echo(f"{'peak ' + kind:>12}  {size / 1e9:5.2f} GB", err=True)
    if done:
        where = targets[0] if len(targets) == 1 else f"{done} files"
        typer.echo(f"{gaussians:,} Gaussians in {seconds:.1f} s → {where}", err=True)
