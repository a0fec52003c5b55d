"""``sharp export``: write a splat as one HTML file."""

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
    scene: Annotated[Path, typer.Argument(metavar="SCENE", help="A splat file.")],
    out: Annotated[
        Path | None, typer.Argument(metavar="[OUT]", help="The .html file. Default: SCENE's name, beside it.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
) -> None:
    """Write a splat as one HTML file that shows it in any browser, offline. Print its path."""
    target = out or scene.with_suffix(".html")
    if target.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter("the name must end in .html", param_hint="OUT")
    if holds(target.exists) and not overwrite:
        raise SharpError(f"{target} exists (choose another name)", "exists")

    import_torch()
    from sharp_cli.formats.registry import read_splat
    from sharp_cli.viewer.export import write_html

    gaussians = read_splat(scene)
    try:
        write_html(target, gaussians, plain(scene.stem))
    except OSError as error:
        raise SharpError(f"cannot write {target}: {error.strerror or error}") from error
    typer.echo(os.fsencode(target))
