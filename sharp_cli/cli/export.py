"""``sharp export``: a splat as one HTML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sharp_cli.cli.display.plain import plain
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import holds


def export(
    scene: Annotated[Path, typer.Argument(metavar="SCENE", help="A splat (.ply).")],
    out: Annotated[
        Path | None, typer.Argument(metavar="[OUT]", help="The .html file. Default: beside SCENE, under its name.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
) -> None:
    """Turn a splat into one HTML file that shows it in any browser, without a network, and print its path."""
    target = out or scene.with_suffix(".html")
    if target.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter("a splat is exported as .html.", param_hint="OUT")
    if holds(target.exists) and not overwrite:
        raise SharpError(f"{target} exists (name another file)", "exists")

    import_torch()
    from sharp_cli.formats.ply import read_ply
    from sharp_cli.viewer.export import write_html

    gaussians = read_ply(scene)
    try:
        write_html(target, gaussians, plain(scene.stem))
    except OSError as error:
        raise SharpError(f"{target} cannot be written: {error.strerror or error}.") from error
    typer.echo(os.fsencode(target))
