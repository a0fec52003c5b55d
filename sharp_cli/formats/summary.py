"""The figures of a splat file, and what in it may trouble a viewer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sharp_cli.formats.columns import Floats, any_values
from sharp_cli.formats.compressed_ply import WORDS, is_compressed
from sharp_cli.formats.ply_header import Element, Header, open_ply
from sharp_cli.formats.ply_layout import CAMERA_FACTS, NORMALS, PUBLISHED_ELEMENTS, RGB, vertex_names
from sharp_cli.formats.ply_read import (
    PlyContent,
    color_names,
    is_linear,
    read_content,
    rest_coefficients,
    splat_element,
)
from sharp_cli.formats.reading import Dropped
from sharp_cli.formats.registry import format_of, is_picture, read_metadata, read_stored, reader_of
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.gaussians import Camera
from sharp_cli.gaussians.sh import SH_C0, sh_degree

INVISIBLE = 1 / 255
"""Renderers skip Gaussians with a lower opacity."""

HUGE = 0.25
"""Standard deviation over the diagonal of the box that holds the middle 98 % of the scene along each axis."""

NEEDLE = 100.0
"""Longest axis over the second longest."""

COLOR_SLACK = 1e-3


class Spread(NamedTuple):
    """How values are distributed."""

    smallest: float
    q01: float  # quantile 1 %
    median: float
    q99: float
    largest: float


@dataclass(frozen=True)
class Summary:
    """A splat file in figures."""

    path: str
    bytes: int
    gaussians: int
    """With finite values: all that can be used."""
    dropped: int
    """Rows with NaN or infinite values, which are dropped."""
    layout: str
    """Of a .ply file a :data:`PlyLayout`, ``compressed`` or ``other``; of another file its format."""
    encoding: str
    """``ascii``, ``binary_little_endian`` or ``binary_big_endian``."""
    sh_degree: int
    """Of the harmonics in the file, even if they are all zero; 0 if there are none."""
    color_space: str
    """``srgb`` or ``linear``."""
    axes: str
    """Of the file, ``opencv`` or ``opengl``; all figures are in OpenCV's."""
    camera: Camera | None
    bounds: dict[str, Spread]
    """Of the means along ``x``, ``y`` and ``z`` [m if the file is ours]; empty without Gaussians."""
    opacity: Spread | None
    scale: Spread | None
    """Of the standard deviations along all axes [unit of the means]."""
    invisible: int
    """Gaussians with an opacity below 1/255, which renderers skip."""
    extra_properties: list[str]
    """Of the vertices, beyond what a splat needs."""
    extra_elements: list[str]
    facts: dict[str, str]
    """What the program that made the file noted: weights, license, the focal length's source, …"""
    comments: list[str]
    """Other tools' comments."""
    problems: list[str]
    """What may trouble a viewer, one sentence each."""


@any_values()
def summarize(path: str | PathLike[str]) -> Summary:
    """Read a splat file of any format and describe it.

    Raises:
        SharpError: whatever :func:`~sharp_cli.formats.registry.read_splat` refuses.
    """
    known = format_of(path)
    if known is not None and not known.suffix.endswith(".ply"):
        return _summarize_other(path, known.suffix[1:])
    if known is None and is_picture(path):
        reader_of(path)  # which says so
    with open_ply(path) as (file, header):
        content = read_content(file, header)
        vertex = splat_element(header)
        linear = is_linear(file, header)
    splat = content.splat
    layout, rest = _layout(header, vertex)
    size = Path(path).stat().st_size
    needed = {*(WORDS if layout == "compressed" else vertex_names("standard", rest)), *color_names(vertex)}
    return Summary(
        path=str(path),
        bytes=size,
        dropped=content.rows - len(splat),
        layout=layout,
        encoding=header.format,
        sh_degree=math.isqrt(rest + 1) - 1,
        color_space="linear" if linear else "srgb",
        axes=_axes(header.facts),
        **_figures(splat),
        extra_properties=[name for name in vertex.names if name not in needed],
        extra_elements=[element.name for element in header.elements if element is not vertex],
        facts={key: value for key, value in header.facts.items() if key not in CAMERA_FACTS},
        comments=[comment for comment in header.comments if comment.strip()],
        problems=[*_file_problems(header, vertex, linear, size), *_splat_problems(content)],
    )


def _summarize_other(path: str | PathLike[str], name: str) -> Summary:
    """A file of another format than .ply, whose Gaussians and metadata are all there is to it."""
    sentences: list[str] = []
    splat = read_stored(path, warn=sentences.append)
    dropped = next((sentence for sentence in sentences if isinstance(sentence, Dropped)), None)
    rows, parts = (dropped.rows, dropped.parts) if dropped else (0, {})
    return Summary(
        path=str(path),
        bytes=Path(path).stat().st_size,
        dropped=rows,
        layout=name,
        encoding="binary_little_endian",
        sh_degree=0 if splat.columns.sh is None else sh_degree(splat.columns.sh),
        color_space="srgb",
        axes=_axes(read_metadata(path)),
        **_figures(splat),
        extra_properties=[],
        extra_elements=[],
        facts=dict(splat.facts),
        comments=[],
        problems=[*_splat_problems(PlyContent(splat, len(splat) + rows, parts, {}))],
    )


def _axes(metadata: Mapping[str, str]) -> str:
    return "opengl" if metadata.get("axes") == "opengl" else "opencv"


def _figures(splat: StoredSplat) -> dict[str, Any]:
    """What the Gaussians themselves show."""
    some, columns = len(splat) > 0, splat.columns
    return {
        "gaussians": len(splat),
        "camera": splat.camera,
        "bounds": {axis: _spread(columns.means[:, i]) for i, axis in enumerate("xyz")} if some else {},
        "opacity": _spread(columns.opacities) if some else None,
        "scale": _spread(np.exp(columns.log_scales)) if some else None,
        "invisible": int((columns.opacities < INVISIBLE).sum()),
    }


def field_of_view(pixels: int, focal_px: float) -> float:
    """The angle [degrees] that this many pixels see."""
    return math.degrees(2 * math.atan(pixels / (2 * focal_px)))


def _layout(header: Header, vertex: Element) -> tuple[str, int]:
    """The layout's name, and how many harmonics each color channel has beside the constant one."""
    names = tuple(element.name for element in header.elements)
    if is_compressed(vertex):
        harmonics = header.find("sh")
        return "compressed", len(harmonics.properties) // 3 if harmonics else 0
    rest = rest_coefficients(vertex)
    if vertex.names == vertex_names("full", rest) and rest and names == ("vertex",):
        return "full", rest
    if vertex.names == vertex_names("standard", rest):
        if names == ("vertex",):
            return "standard", rest
        if names == ("vertex", *PUBLISHED_ELEMENTS) and not rest:
            return "sharp", rest
    return "other", rest


def _spread(values: Floats) -> Spread:
    found = np.quantile(values.astype(np.float64), [0.0, 0.01, 0.5, 0.99, 1.0])
    return Spread(*(float(value) for value in found))


def _file_problems(header: Header, vertex: Element, linear: bool, size: int) -> Iterator[str]:
    """What other programs may refuse about the file's form."""
    others = [element.name for element in header.elements if element is not vertex]
    if is_compressed(vertex):
        yield "It is compressed as SuperSplat does it; many viewers read only uncompressed files."
    elif others:
        yield f"Elements beyond 'vertex' ({', '.join(others)}), which several viewers refuse."
    if header.format != "binary_little_endian":
        yield f"Its encoding is {header.format}; many viewers read only binary_little_endian."
    plain = {*NORMALS, *WORDS}
    if odd := [p.name for p in vertex.properties if p.type != "f4" and p.name not in plain]:
        yield f"Properties that are not fp32 ({', '.join(odd)}), which some viewers misread."
    if color_names(vertex) == RGB:
        yield "Colors are stored as red, green, blue instead of f_dc, which some viewers do not read."
    if linear:
        yield "Colors are linear; most viewers take them for sRGB and show them too dark."
    if size > header.smallest_size and header.size_is_exact:
        yield f"{size - header.smallest_size:,} bytes after the end that its header declares."


def _splat_problems(content: PlyContent) -> Iterator[str]:
    """What is odd about the Gaussians themselves."""
    columns, total = content.splat.columns, len(content.splat)
    if not total:
        yield "It holds no Gaussians."
        return

    def found(count: np.integer[Any] | int, what: str, from_share: float = 0.0, of: int = total) -> Iterator[str]:
        if int(count) > from_share * of:
            yield f"{int(count):,} Gaussians ({_percent(int(count), of)}) {what}."

    parts = ", ".join(content.dropped)
    yield from found(content.rows - total, f"have NaN or infinite {parts} and are dropped", of=content.rows)
    yield from found(content.infinite.get("opacities", 0), "have an infinite opacity logit, which many viewers skip")
    yield from found(content.infinite.get("scales", 0), "have a scale of zero, an infinite logarithm in the file")
    yield from found((columns.quats == 0).all(axis=1).sum(), "have a zero quaternion and are not rendered")
    yield from found((columns.opacities < INVISIBLE).sum(), "are too transparent to be rendered", 0.1)
    _, second, longest = np.sort(columns.log_scales, axis=1).T.astype(np.float64)
    needles = longest > math.log(NEEDLE) + second
    yield from found(needles.sum(), f"are needles, over {NEEDLE:g} times longer than wide", 0.01)
    low, high = np.quantile(columns.means.astype(np.float64), [0.01, 0.99], axis=0)
    diagonal = float(np.linalg.norm(high - low))
    if diagonal > 0:
        yield from found((np.exp(longest) > HUGE * diagonal).sum(), "are wider than a quarter of the scene")
    if content.splat.camera is not None:
        yield from found((columns.means[:, 2] <= 0).sum(), "lie behind the photo's camera")
    colors = 0.5 + SH_C0 * columns.dc
    outside = ((colors < -COLOR_SLACK) | (colors > 1 + COLOR_SLACK)).any(axis=1)
    yield from found(outside.sum(), "have a color outside 0..1, before any spherical harmonics")


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.1f} %" if share >= 0.1 else "below 0.1 %"
