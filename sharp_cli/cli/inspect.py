"""``sharp inspect``: describe a splat file, and report what may trouble a viewer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharp_cli.cli.display.plain import plain

if TYPE_CHECKING:
    from sharp_cli.formats.summary import Spread, Summary


UNITS = {"position": "m", "log_scale": "(ln)", "rotation": "degrees", "opacity": "", "color": "of 1"}


def inspect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A 3D Gaussian splat, ours or another tool's (see `sharp formats`).")
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", metavar="FILE", help="Also print the errors against the splat that FILE was exported from."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Describe a splat file: size, camera, ranges, provenance, and what may trouble a viewer."""
    from sharp_cli.formats.summary import summarize

    summary = summarize(file)
    cost = None if against is None else compare(file, against)
    if as_json:
        print_json(summary, cost)
    else:
        print_table(summary, cost)


def compare(file: Path, reference: Path) -> dict[str, Any]:
    """What a format cost: ratio of the sizes, and errors as (median, 99.9 %, largest).

    Raises:
        SharpError: one of the files cannot be read, or there is nothing to compare.
    """
    from sharp_cli.formats.compare import compare_splats
    from sharp_cli.formats.registry import read_stored

    found = compare_splats(read_stored(file), read_stored(reference))
    errors = {name: spread for name, spread in found._asdict().items() if name != "compared"}
    ratio = reference.stat().st_size / file.stat().st_size
    return {"reference": str(reference), "ratio": ratio, "compared": found.compared, "errors": errors}


def print_json(summary: Summary, cost: dict[str, Any] | None) -> None:
    """Print the summary as strict JSON."""
    import json
    from dataclasses import asdict

    content = asdict(summary)
    for spread in ("opacity", "scale"):
        content[spread] = content[spread] and content[spread]._asdict()
    content["bounds"] = {axis: spread._asdict() for axis, spread in content["bounds"].items()}
    if cost:
        content["against"] = {**cost, "errors": {name: spread._asdict() for name, spread in cost["errors"].items()}}
    typer.echo(json.dumps(content, indent=2, allow_nan=False))


def print_table(summary: Summary, cost: dict[str, Any] | None) -> None:
    """Print the summary as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _rows(summary):
        table.add_row(Text(label), Text(value))  # Text: brackets in file names and comments are not markup
    if cost:
        table.add_row("against", Text(f"{plain(cost['reference'])}, which is {cost['ratio']:.2f} times as large"))
        for name, spread in cost["errors"].items():
            text = f"median {spread.median:.3g}, 99.9 % {spread.q999:.3g}, largest {spread.largest:.3g}"
            table.add_row(f"  {name.replace('_', ' ')} error", Text(f"{text} {UNITS[name]}".strip()))
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
    if summary.axes != "opencv":
        yield "axes", "OpenGL's in the file (y up, z backward); the figures here are in OpenCV's"
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
