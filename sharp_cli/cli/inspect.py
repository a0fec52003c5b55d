"""``sharp inspect``: describe a splat file, and report what may trouble a viewer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sharp_cli.cli.display.plain import plain
from sharp_cli.cli.interrupts import import_torch

if TYPE_CHECKING:
    from sharp_cli.formats.summary import Spread, Summary


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A 3D Gaussian splat (.ply), ours or another tool's.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Describe a splat file: size, camera, ranges, provenance, and what may trouble a viewer."""
    import_torch()
    from sharp_cli.formats.summary import summarize

    summary = summarize(file)
    if as_json:
        print_json(summary)
    else:
        print_table(summary)


def print_json(summary: Summary) -> None:
    """Print the summary as strict JSON."""
    import json
    from dataclasses import asdict

    content = asdict(summary)
    for spread in ("opacity", "scale"):
        content[spread] = content[spread] and content[spread]._asdict()
    content["bounds"] = {axis: spread._asdict() for axis, spread in content["bounds"].items()}
    typer.echo(json.dumps(content, indent=2, allow_nan=False))


def print_table(summary: Summary) -> None:
    """Print the summary as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _rows(summary):
        table.add_row(Text(label), Text(value))  # Text: brackets in file names and comments are not markup
    for index, problem in enumerate(summary.problems):
        table.add_row("" if index else "problems", Text(problem, style="yellow"))
    Console(highlight=False).print(table)


def _rows(summary: Summary) -> Iterator[tuple[str, str]]:
    from sharp_cli.formats.summary import field_of_view

    encoding = summary.encoding.replace("_", " ")
    yield "file", f"{plain(str(summary.path))}, {summary.bytes:,} bytes"
    yield "layout", f"{summary.layout} ({encoding})"
    yield "Gaussians", f"{summary.gaussians:,}, of which {summary.invisible:,} are too transparent to be rendered"
    yield "harmonics", f"degree {summary.sh_degree}" if summary.sh_degree else "none"
    yield "colors", {"srgb": "sRGB", "linear": "linear RGB"}[summary.color_space]
    if camera := summary.camera:
        across, down = (field_of_view(side, camera.focal_px) for side in (camera.width, camera.height))
        size = f"{camera.width} × {camera.height} px"
        yield "camera", f"{size}, focal length {camera.focal_px:.1f} px, field of view {across:.1f}° × {down:.1f}°"
    else:
        yield "camera", "not in the file"
    for axis, spread in summary.bounds.items():
        yield axis, _in_words(spread)
    for label, found in (("opacity", summary.opacity), ("scale", summary.scale)):
        if found:
            yield label, _in_words(found)
    for label, names in (("properties", summary.extra_properties), ("elements", summary.extra_elements)):
        if names:
            yield label, f"also {', '.join(names)}"
    for key, value in summary.facts.items():
        yield key, plain(value)
    for comment in summary.comments:
        yield "comment", plain(comment)


def _in_words(spread: Spread) -> str:
    low, q01, median, q99, high = (f"{value:.4g}" for value in spread)
    return f"{low} to {high}; 98 % within {q01} and {q99}, median {median}"
