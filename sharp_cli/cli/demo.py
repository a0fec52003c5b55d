"""``sharp demo``: the whole way once, with a photo and weights that come with the package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.batches import finish, is_debug, run_batch
from sharp_cli.cli.display.report import Report
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.options import Quiet
from sharp_cli.cli.values import check_folder
from sharp_cli.cli.view import show
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write
from sharp_cli.weights.catalog import PREVIEW

PHOTO = "coffee.png"
BUNDLED_IN = (Path(__file__).parent, Path(__file__).parents[2] / "examples")
"""Where the photo lies: beside this file once installed, else in the source tree."""


def demo(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for the photo, its splat and its film.")
    ] = Path("sharp-demo"),
    no_open: Annotated[bool, typer.Option("--no-open", help="Stop after the film; do not open the viewer.")] = False,
    quiet: Quiet = False,
) -> None:
    """Try it: turn a bundled photo into a splat and a film, and open the splat in the viewer.

    Needs no network, no GPU and no download. Prints the paths of the splat and the film.
    """
    check_folder(out, "--out")
    import_torch()
    from sharp_cli.batch.convert import ConvertTask, Recipe, film_target
    from sharp_cli.batch.network import Network
    from sharp_cli.batch.task import Job
    from sharp_cli.render.settings import FilmSettings

    photo = copy_photo(out)
    film = FilmSettings()
    task = ConvertTask(Recipe(), Network(PREVIEW.name), film=film)
    job = Job(photo, photo.with_suffix(".ply"))
    batch = BatchOptions(None, timings=False, fail_fast=False, quiet=quiet, debug=is_debug(context))
    settings: dict[str, Any] = {"weights": PREVIEW.name}
    with Report(1, task, batch) as report:
        summary = run_batch("demo", task, [job], report, settings, batch)
    finish(summary)
    for path in (job.target, film_target(job.target, film)):
        typer.echo(os.fsencode(path))
    if no_open:
        typer.echo(f"To walk around in it: sharp view {job.target}", err=True)
    else:
        show(job.target)


def copy_photo(folder: Path) -> Path:
    """Put the bundled photo into a folder, unless it is there.

    Raises:
        SharpError: it is missing from this installation, or cannot be written.
    """
    bundled = next((path for place in BUNDLED_IN if (path := place / PHOTO).is_file()), None)
    if bundled is None:
        raise SharpError(f"cannot find {PHOTO}: this installation is incomplete (install sharp-cli again)")
    photo = folder / PHOTO
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not photo.exists():
            with atomic_write(photo) as temporary:
                shutil.copyfile(bundled, temporary)
    except OSError as error:
        raise SharpError(f"cannot write {photo}: {error.strerror or error} (choose another folder)") from error
    return photo
