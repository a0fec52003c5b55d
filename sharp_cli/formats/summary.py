"""What a splat file holds, in figures, and what about it may trouble a viewer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sharp_cli.formats.ply_header import Element, Header, open_ply
from sharp_cli.formats.ply_layout import CAMERA_FACTS, GROUPS, NORMALS, PUBLISHED_ELEMENTS, vertex_names
from sharp_cli.formats.ply_read import is_linear, read_ply, rest_coefficients, splat_element
from sharp_cli.formats.ply_rows import read_columns
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.gaussians import Camera, Gaussians

INVISIBLE = 1 / 255
"""Opacity below which renderers skip a splat."""

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
    layout: str
    """A :data:`PlyLayout`, or ``other``."""
    encoding: str
    """``ascii``, ``binary_little_endian`` or ``binary_big_endian``."""
    sh_degree: int
    """Of the harmonics in the file, even if they are all zero; 0 without any."""
    color_space: str
    """``srgb`` or ``linear``."""
    camera: Camera | None
    bounds: dict[str, Spread]
    """Of the means along ``x``, ``y`` and ``z`` [m where the file is ours]; empty without Gaussians."""
    opacity: Spread | None
    scale: Spread | None
    """Of the standard deviations along all axes [unit of the means]."""
    invisible: int
    """Gaussians with an opacity below 1/255, which renderers skip."""
    extra_properties: list[str]
    """Of the vertices, beyond what a splat needs."""
    extra_elements: list[str]
    facts: dict[str, str]
    """What the program that made the file noted: weights, licence, the focal length's source, …"""
    comments: list[str]
    """Other tools' comments."""
    problems: list[str]
    """What may trouble a viewer, a sentence each."""


def summarize(path: str | PathLike[str]) -> Summary:
    """Look through a 3DGS ``.ply`` file.

    Raises:
        SharpError: whatever :func:`read_ply` refuses, and its reason.
    """
    gaussians = read_ply(path)
    with open_ply(path) as (file, header):
        vertex = splat_element(header)
        rest = rest_coefficients(vertex)
        raw = read_columns(file, header, vertex, {group: GROUPS[group] for group in ("opacities", "scales")})
        linear = is_linear(file, header)
    infinite = {group: int(np.isinf(values).any(axis=1).sum()) for group, values in raw.items()}
    size = Path(path).stat().st_size
    needed = {*vertex_names("standard", rest)}
    some = len(gaussians) > 0
    return Summary(
        path=str(path),
        bytes=size,
        gaussians=len(gaussians),
        layout=_layout(header, vertex, rest),
        encoding=header.format,
        sh_degree=math.isqrt(rest + 1) - 1,
        color_space="linear" if linear else "srgb",
        camera=gaussians.camera,
        bounds={axis: _spread(gaussians.means[:, i]) for i, axis in enumerate("xyz")} if some else {},
        opacity=_spread(gaussians.opacities) if some else None,
        scale=_spread(gaussians.scales) if some else None,
        invisible=int((gaussians.opacities < INVISIBLE).sum()),
        extra_properties=[name for name in vertex.names if name not in needed],
        extra_elements=[element.name for element in header.elements if element is not vertex],
        facts={key: value for key, value in header.facts.items() if key not in CAMERA_FACTS},
        comments=[comment for comment in header.comments if comment.strip()],
        problems=[*_file_problems(header, vertex, linear, size), *_splat_problems(gaussians, infinite)],
    )


def field_of_view(pixels: int, focal_px: float) -> float:
    """Angle [degrees] that so many pixels see."""
    return math.degrees(2 * math.atan(pixels / (2 * focal_px)))


def _layout(header: Header, vertex: Element, rest: int) -> str:
    names = tuple(element.name for element in header.elements)
    if vertex.names == vertex_names("full", rest) and rest and names == ("vertex",):
        return "full"
    if vertex.names != vertex_names("standard", rest):
        return "other"
    if names == ("vertex",):
        return "standard"
    return "sharp" if names == ("vertex", *PUBLISHED_ELEMENTS) and not rest else "other"


def _spread(values: Tensor) -> Spread:
    found = np.quantile(values.double().numpy(), [0.0, 0.01, 0.5, 0.99, 1.0])
    return Spread(*(float(value) for value in found))


def _file_problems(header: Header, vertex: Element, linear: bool, size: int) -> Iterator[str]:
    """What other programs may refuse about the file's form."""
    others = [element.name for element in header.elements if element is not vertex]
    if others:
        yield f"Elements beyond 'vertex' ({', '.join(others)}), which several viewers refuse."
    if header.format != "binary_little_endian":
        yield f"Its encoding is {header.format}; many viewers read only binary_little_endian."
    if odd := [p.name for p in vertex.properties if p.type != "f4" and p.name not in NORMALS]:
        yield f"Properties that are not fp32 ({', '.join(odd)}), which some viewers misread."
    if linear:
        yield "Colours are linear; most viewers take them for sRGB and show them too dark."
    if size > header.smallest_size and header.size_is_exact:
        yield f"{size - header.smallest_size:,} bytes after the end of what its header promises."


def _splat_problems(gaussians: Gaussians, infinite: dict[str, int]) -> Iterator[str]:
    """What is odd about the Gaussians themselves."""
    total = len(gaussians)
    if not total:
        yield "It holds no Gaussians."
        return

    def told(count: Tensor | int, what: str, from_share: float = 0.0) -> Iterator[str]:
        if int(count) > from_share * total:
            yield f"{int(count):,} Gaussians ({_percent(int(count), total)}) {what}."

    yield from told(infinite["opacities"], "have an infinite logit for opacity, which many viewers cannot draw")
    yield from told(infinite["scales"], "have a scale of zero, an infinite logarithm in the file")
    yield from told((gaussians.quats == 0).all(dim=1).sum(), "have a zero quaternion and are not drawn")
    yield from told((gaussians.opacities < INVISIBLE).sum(), "are too transparent to be drawn", 0.1)
    longest, second = gaussians.scales.topk(2, dim=1).values.unbind(1)
    yield from told((longest > NEEDLE * second).sum(), f"are needles, over {NEEDLE:g} times longer than wide", 0.01)
    low, high = np.quantile(gaussians.means.double().numpy(), [0.01, 0.99], axis=0)
    diagonal = float(np.linalg.norm(high - low))
    if diagonal > 0:
        yield from told((longest > HUGE * diagonal).sum(), "are wider than a quarter of the scene")
    if gaussians.camera is not None:
        yield from told((gaussians.means[:, 2] <= 0).sum(), "lie behind the photo's camera")
    colors = linear_to_srgb(gaussians.colors)
    outside = ((colors < -COLOR_SLACK) | (colors > 1 + COLOR_SLACK)).any(dim=1)
    yield from told(torch.count_nonzero(outside), "have a colour outside 0..1, before any spherical harmonics")


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.1f} %" if share >= 0.1 else "below 0.1 %"
