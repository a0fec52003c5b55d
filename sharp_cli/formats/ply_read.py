"""Reading 3DGS ``.ply`` files: ours, the published tool's and others' (docs/network.md §9)."""

from __future__ import annotations

import math
from collections.abc import Callable
from os import PathLike
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SplatColumns, any_values
from sharp_cli.formats.compressed_ply import is_compressed, unpack
from sharp_cli.formats.metadata import from_axes, is_sound, parse_blending, parse_camera, parse_up
from sharp_cli.formats.ply_header import Element, Header, open_ply
from sharp_cli.formats.ply_layout import CAMERA_FACTS, GROUPS, PROVENANCE, RGB, rest_names
from sharp_cli.formats.ply_rows import read_columns
from sharp_cli.formats.reading import Dropped, finite_rows
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.axes import Up
from sharp_cli.gaussians.gaussians import Camera
from sharp_cli.gaussians.sh import MAX_DEGREE, SH_C0
from sharp_cli.runtime.files import user_path
from sharp_cli.runtime.srgb import linear_to_srgb

Floats = npt.NDArray[np.float32]

UP_COMMENT = "Vertical Axis:"
"""Of nerfstudio's exports, followed by x, y or z."""

MAX_ELEMENT_ROWS = 64
"""Of the elements that hold a camera; the published tool's largest has 16."""


class PlyContent(NamedTuple):
    """What a splat file holds, and which of its rows are odd."""

    splat: StoredSplat
    rows: int
    """In the file, with those that were dropped."""
    dropped: dict[str, int]
    """Rows with NaN or infinite values, by the part of the Gaussians that has them; a row may count in several."""
    infinite: dict[str, int]
    """Rows with an infinite logit (``opacities``) or a scale of zero (``scales``), which have a meaning."""


def read_stored_ply(path: str | PathLike[str], *, warn: Callable[[str], None] = lambda text: None) -> StoredSplat:
    """Read a 3DGS file of any layout, binary or ASCII, ours or another tool's, compressed or not.

    Colors are sRGB unless the file says linear. In a linear file the harmonics, if any, are linear too; they are
    converted to sRGB by the curve's slope at the constant color, which is right as long as they are small. Harmonics
    that are all zero are left out. Infinite logits and scales whose logarithm is −∞, as some tools write them, become
    the opacities 0 and 1 and the scale 0. Rows with other values that are not finite are dropped. A file without a
    camera gives ``camera=None``.

    Args:
        warn: gets one sentence with the number of rows that were dropped, if any.

    Raises:
        SharpError: not a .ply file, truncated, no splat or one of an unknown kind, or no row with finite values.
    """
    path = user_path(path)
    with open_ply(path) as (file, header):
        content = read_content(file, header)
    if content.dropped:
        warn(Dropped(path, content.rows - len(content.splat), content.rows, content.dropped))
    return content.splat


@any_values()
def read_content(file: BinaryIO, header: Header) -> PlyContent:
    """Read the splat of an open file.

    Raises:
        SharpError: as :func:`read_stored_ply`; the reason only, without the file's name.
    """
    element = splat_element(header)
    infinite: dict[str, int] = {}
    packed = is_compressed(element)
    columns = unpack(file, header, element) if packed else _columns(file, header, element, infinite)
    kept, dropped = finite_rows(columns)
    facts = {key: value for key, value in header.facts.items() if key not in CAMERA_FACTS + PROVENANCE}
    ours = bool(header.facts) or any(header.find(name) for name in ("color_space", "intrinsic"))
    blending = parse_blending(header.facts, ours)
    splat = StoredSplat(kept, read_camera(file, header), facts, blending, _up(header))
    return PlyContent(from_axes(splat, header.facts), len(columns.means), dropped, infinite)


def _columns(file: BinaryIO, header: Header, element: Element, infinite: dict[str, int]) -> SplatColumns:
    coefficients = rest_coefficients(element)
    names = {**GROUPS, "colors": color_names(element), "sh": rest_names(coefficients)}
    values = read_columns(file, header, element, names)
    for group in ("opacities", "scales"):
        if any(map(math.isinf, _extremes(values[group]))):
            infinite[group] = int(np.isinf(values[group]).any(axis=1).sum())
    dc = values["colors"]
    sh = values["sh"].reshape(-1, coefficients, 3) if _extremes(values["sh"]) != (0, 0) else None
    if names["colors"] == RGB:
        dc = (_plain_colors(element, dc) - np.float32(0.5)) / np.float32(SH_C0)
    if is_linear(file, header):
        linear = dc * np.float32(SH_C0) + np.float32(0.5)
        sh = None if sh is None else sh * _slope_to_srgb(linear)[:, None]
        dc = (linear_to_srgb(linear) - np.float32(0.5)) / np.float32(SH_C0)
    opacities = 1 / (1 + np.exp(-values["opacities"][:, 0]))
    return SplatColumns(values["means"], values["scales"], values["quats"], opacities, dc, sh)


def splat_element(header: Header) -> Element:
    """The ``vertex`` element.

    Raises:
        SharpError: there is none, or it is not a Gaussian splat that can be read; the reason only.
    """
    vertex = header.find("vertex")
    if header.find("codebook_centers"):
        raise SharpError("a splat compressed with codebooks, which is not supported (export it uncompressed)")
    if vertex is None:
        raise SharpError("a .ply file without a 'vertex' element, so it holds no splat")
    if is_compressed(vertex):
        return vertex
    needed = {name for group in ({**GROUPS, "colors": color_names(vertex)}).values() for name in group}
    missing = [name for group in GROUPS.values() for name in group if name not in vertex.names and name in needed]
    if missing == ["scale_2"]:
        raise SharpError("flat 2D Gaussians (there is no scale_2), which are not supported")
    if missing:
        kind = "mesh" if header.find("face") else "point cloud"
        kind = kind if {"opacity", "scale_0", "rot_0"} <= {*missing} else ".ply file"
        raise SharpError(f"a {kind}, not a Gaussian splat: its vertices have no {', '.join(missing)}")
    if vertex.has_lists:
        raise SharpError("not a Gaussian splat: its vertices hold lists")
    for p in vertex.properties:
        if p.type[0] != "f" and p.name not in RGB and (p.name in needed or p.name.startswith("f_rest_")):
            raise SharpError(f"{p.name} is stored as whole numbers by a compression that is not supported")
    return vertex


def color_names(vertex: Element) -> tuple[str, ...]:
    """The properties that hold the constant color: ``f_dc``, or ``red``, ``green``, ``blue`` if there is no f_dc."""
    plain = "f_dc_0" not in vertex.names and {*RGB} <= {*vertex.names}
    return RGB if plain else GROUPS["colors"]


def rest_coefficients(vertex: Element) -> int:
    """How many harmonics each color channel has beside the constant one.

    Raises:
        SharpError: not as many as whole degrees have; the reason only, without the file's name.
    """
    names = {name for name in vertex.names if name.startswith("f_rest_")}
    coefficients = len(names) // 3
    degree = math.isqrt(coefficients + 1) - 1
    if names != {*rest_names(coefficients)} or (degree + 1) ** 2 != coefficients + 1 or degree > MAX_DEGREE:
        raise SharpError(
            f"{len(names)} f_rest properties are not spherical harmonics of degree 1 (9 of them), "
            f"2 (24), 3 (45) or another up to {MAX_DEGREE}"
        )
    return coefficients


def is_linear(file: BinaryIO, header: Header) -> bool:
    """Whether colors are linear RGB in the file; sRGB is the rule."""
    if (stored := _numbers(file, header, "color_space")) is not None:
        return stored.size > 0 and bool(stored[0] != 0)
    return header.facts.get("color_space") == "linear"


def read_camera(file: BinaryIO, header: Header) -> Camera | None:
    """The photo's camera, from the published tool's elements or our comments; None if it is missing or absurd."""
    size, intrinsic = _numbers(file, header, "image_size"), _numbers(file, header, "intrinsic")
    if size is None or intrinsic is None:
        return parse_camera(header.facts)
    try:
        camera = Camera(int(size[0]), int(size[1]), float(intrinsic[0]))
    except (ValueError, IndexError, OverflowError):
        return None
    return camera if is_sound(camera) else None


def _up(header: Header) -> Up | None:
    """The axis that our fact or nerfstudio's comment names."""
    named = [comment[len(UP_COMMENT) :].strip() for comment in header.comments if comment.startswith(UP_COMMENT)]
    return parse_up(header.facts) or next((found for axis in named if (found := parse_up({"up": axis}))), None)


def _numbers(file: BinaryIO, header: Header, name: str) -> npt.NDArray[np.float32] | None:
    """The first property of a small element; None if there is no such element."""
    element = header.find(name)
    if element is None or not element.properties or element.has_lists or element.count > MAX_ELEMENT_ROWS:
        return None
    return read_columns(file, header, element, {name: element.names[:1]})[name][:, 0]


def _plain_colors(element: Element, colors: Floats) -> Floats:
    """Red, green and blue as sRGB in [0, 1]: whole numbers fill the range of their type."""
    kinds = {p.name: p.type for p in element.properties}
    full = [1 if kinds[name][0] == "f" else 2 ** (8 * int(kinds[name][1])) - 1 for name in RGB]
    return np.divide(colors, np.array(full, np.float32), dtype=np.float32)


def _slope_to_srgb(linear: Floats) -> Floats:
    """The derivative of the sRGB curve, encoded by linear."""
    curved = 1.055 / 2.4 * np.power(np.maximum(linear, 0.0031308), 1 / 2.4 - 1)
    return np.where(linear <= 0.0031308, 12.92, curved).astype(np.float32)


def _extremes(values: Floats) -> tuple[float, float]:
    """Least and largest value, NaN if there is one: without the copies that other ways make of everything."""
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
