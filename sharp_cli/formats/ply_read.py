"""Reading 3DGS ``.ply`` files: ours, the published tool's and others' (spec/network.md §9)."""

from __future__ import annotations

import math
from os import PathLike
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.formats.ply_header import Element, Header, open_ply
from sharp_cli.formats.ply_layout import CAMERA_FACTS, GROUPS, rest_names
from sharp_cli.formats.ply_rows import read_columns
from sharp_cli.gaussians.color import srgb_to_linear
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.gaussians.spherical_harmonics import MAX_DEGREE, SH_C0

MAX_SIDE = 10**6
"""Pixels; a camera beyond it is damage."""

MAX_ELEMENT_ROWS = 64
"""Of the elements that hold a camera; the published tool's largest has 16."""


def read_ply(path: str | PathLike[str]) -> Gaussians:
    """Read a 3DGS file of any layout, binary or ASCII, ours or another tool's.

    Values are sRGB unless the file says linear. In a linear file the harmonics, if any, are linear too; they are
    brought to sRGB by the curve's slope at the colour without direction, which is right as long as they are small.
    Harmonics that are zero throughout are left out. Infinite logits and scales whose logarithm is −∞, as some
    tools write them, are read as the opacities 0 and 1 and the scale 0. A file that does not know its camera gives
    ``camera=None``.

    Raises:
        SharpError: not a .ply file, truncated, no splat or one of an unknown kind, or values that are not finite.
    """
    with open_ply(path) as (file, header):
        element = splat_element(header)
        coefficients = rest_coefficients(element)
        columns = read_columns(file, header, element, {**GROUPS, "sh": rest_names(coefficients)})
        values = {group: torch.from_numpy(column) for group, column in columns.items()}
        colors = values["colors"].mul_(SH_C0).add_(0.5)
        sh = values["sh"].view(-1, coefficients, 3) if _extremes(values["sh"]) != (0, 0) else None
        if is_linear(file, header):
            sh = None if sh is None else sh.mul_(_slope_to_srgb(colors)[:, None])
        else:
            colors = srgb_to_linear(colors)
        gaussians = Gaussians(
            means=values["means"],
            scales=values["scales"].exp_(),
            quats=values["quats"],
            opacities=values["opacities"][:, 0].sigmoid_(),
            colors=colors,
            sh=sh,
            camera=read_camera(file, header),
            facts={key: value for key, value in header.facts.items() if key not in CAMERA_FACTS},
        )
        _check_finite(gaussians)
    return gaussians


def splat_element(header: Header) -> Element:
    """The ``vertex`` element.

    Raises:
        SharpError: there is none, or it is no Gaussian splat that can be read; without its subject, the file's name.
    """
    vertex = header.find("vertex")
    if header.find("codebook_centers"):
        raise SharpError("is a splat compressed with codebooks, which cannot be read; export it uncompressed.")
    if vertex is None:
        raise SharpError("is a .ply file without a 'vertex' element, so it holds no splat.")
    if "packed_position" in vertex.names:
        raise SharpError(
            "is a compressed splat (packed_position, as SuperSplat writes it), which cannot be read; "
            "export it as an uncompressed .ply."
        )
    missing = [name for group in GROUPS.values() for name in group if name not in vertex.names]
    if missing == ["scale_2"]:
        raise SharpError("holds flat 2D Gaussians, without scale_2, which cannot be read.")
    if missing:
        kind = "a mesh" if header.find("face") else "a point cloud"
        told = f"holds {kind}" if {"opacity", "scale_0", "rot_0"} <= {*missing} else "is a .ply file"
        raise SharpError(f"{told}, not a Gaussian splat: its vertices lack {', '.join(missing)}.")
    if vertex.has_lists:
        raise SharpError("is no Gaussian splat: its vertices hold lists.")
    needed = {name for group in GROUPS.values() for name in group}
    for p in vertex.properties:
        if p.type[0] != "f" and (p.name in needed or p.name.startswith("f_rest_")):
            raise SharpError(f"holds {p.name} as whole numbers, as only compressed splats do, which cannot be read.")
    return vertex


def rest_coefficients(vertex: Element) -> int:
    """How many harmonics each colour of each Gaussian has beside the constant one.

    Raises:
        SharpError: not as many as whole degrees have; without its subject, the file's name.
    """
    names = {name for name in vertex.names if name.startswith("f_rest_")}
    coefficients = len(names) // 3
    degree = math.isqrt(coefficients + 1) - 1
    if names != {*rest_names(coefficients)} or (degree + 1) ** 2 != coefficients + 1 or degree > MAX_DEGREE:
        raise SharpError(
            f"has {len(names)} f_rest properties, which are not spherical harmonics of degree 1 (9 of them), "
            f"2 (24), 3 (45) or another up to {MAX_DEGREE}."
        )
    return coefficients


def is_linear(file: BinaryIO, header: Header) -> bool:
    """Whether colours are linear RGB in the file; sRGB is the rule."""
    if (stored := _numbers(file, header, "color_space")) is not None:
        return stored.size > 0 and bool(stored[0] != 0)
    return header.facts.get("color_space") == "linear"


def read_camera(file: BinaryIO, header: Header) -> Camera | None:
    """The photo's camera, from the published tool's elements or our comments; None where it is missing or absurd."""
    size, intrinsic = _numbers(file, header, "image_size"), _numbers(file, header, "intrinsic")
    try:
        if size is not None and intrinsic is not None:
            camera = Camera(int(size[0]), int(size[1]), float(intrinsic[0]))
        else:
            width, height = header.facts["image_size"].split()
            camera = Camera(int(width), int(height), float(header.facts["focal_px"]))
    except (KeyError, ValueError, IndexError, OverflowError):
        return None
    sound = 0 < camera.width <= MAX_SIDE and 0 < camera.height <= MAX_SIDE
    return camera if sound and 0 < camera.focal_px < math.inf else None


def _numbers(file: BinaryIO, header: Header, name: str) -> npt.NDArray[np.float32] | None:
    """The first property of a small element; None where there is no such element."""
    element = header.find(name)
    if element is None or not element.properties or element.has_lists or element.count > MAX_ELEMENT_ROWS:
        return None
    return read_columns(file, header, element, {name: element.names[:1]})[name][:, 0]


def _slope_to_srgb(linear: Tensor) -> Tensor:
    """The derivative of the sRGB curve, encoded by linear."""
    return torch.where(linear <= 0.0031308, 12.92, 1.055 / 2.4 * linear.clamp(min=0.0031308) ** (1 / 2.4 - 1))


def _check_finite(gaussians: Gaussians) -> None:
    for group in (*GROUPS, "sh"):
        values = getattr(gaussians, group)
        if values is not None and not all(map(math.isfinite, _extremes(values))):
            raise SharpError(f"holds values that are not finite in {group}.")


def _extremes(values: Tensor) -> tuple[float, float]:
    """Least and largest value, NaN if there is one: without the copies that other ways to look make of everything."""
    if not values.numel():
        return 0.0, 0.0
    low, high = values.aminmax()
    return float(low), float(high)
