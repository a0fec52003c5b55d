"""3DGS ``.ply`` files (spec/network.md §9): what viewers share, and the published tool's variant of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from plyfile import PlyData, PlyElement, PlyElementParseError, PlyParseError
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.files import atomic_write
from sharp_cli.gaussians.color import linear_to_srgb, srgb_to_linear
from sharp_cli.gaussians.gaussians import Camera, Gaussians

PlyLayout = Literal["standard", "sharp"]
"""``standard``: the ``vertex`` element alone, further facts as comments; opens everywhere.
``sharp``: the published tool's extra elements after it, which several viewers refuse."""

SH_C0 = math.sqrt(1 / (4 * math.pi))
"""The constant spherical harmonic; f_dc = (sRGB − 0.5) / SH_C0."""

GROUPS = {
    "means": ("x", "y", "z"),
    "colors": ("f_dc_0", "f_dc_1", "f_dc_2"),
    "opacities": ("opacity",),
    "scales": ("scale_0", "scale_1", "scale_2"),
    "quats": ("rot_0", "rot_1", "rot_2", "rot_3"),
}
VERTEX = np.dtype([(name, "<f4") for group in GROUPS.values() for name in group])

SMALLEST_SCALE = 1e-12  # metres; far below anything visible, with a finite logarithm
LARGEST_LOG_SCALE = 88.0  # beyond it, the scale itself is not finite in fp32
SMALLEST_OPACITY, LARGEST_OPACITY = 1e-7, 1 - 2**-24

COMMENT = "sharp"
"""First word of the comments that carry facts: ``comment sharp KEY VALUE``."""


def write_ply(path: str | PathLike[str], gaussians: Gaussians, layout: PlyLayout = "standard") -> None:
    """Write Gaussians as a binary little-endian 3DGS file; colours are stored as sRGB.

    Zero scales and opacities of 0 or 1 are moved to the nearest value with a finite logarithm or logit.
    The file appears under its name only when it is complete.

    Args:
        layout: see :data:`PlyLayout`; ``sharp`` needs ``gaussians.camera``.

    Raises:
        SharpError: a layout that does not exist, or ``sharp`` without a camera.
        OSError: the file cannot be written.
    """
    if layout not in get_args(PlyLayout):
        raise SharpError(f"There is no .ply layout '{layout}'; choose one of {', '.join(get_args(PlyLayout))}.")
    vertex = PlyElement.describe(_vertex_rows(gaussians), "vertex")
    if layout == "sharp":
        ply = PlyData([vertex, *_published_elements(gaussians)], byte_order="<")
    else:
        ply = PlyData([vertex], byte_order="<", comments=_comments(gaussians))
    with atomic_write(Path(path)) as temporary:
        ply.write(str(temporary))


def read_ply(path: str | PathLike[str]) -> Gaussians:
    """Read a 3DGS file of either layout, or another tool's.

    Values are sRGB unless the file says linear. A file that does not know its camera gives ``camera=None``.

    Raises:
        SharpError: not a .ply file, truncated, without a splat's properties, or with non-finite values.
    """
    path = Path(path)
    try:
        ply = PlyData.read(str(path))
    except OSError as error:
        raise SharpError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (PlyParseError, PlyElementParseError, ValueError, MemoryError) as error:
        raise SharpError(f"{path} is not a complete .ply file: {error}.") from error
    columns = _columns(ply, path)
    facts = _facts(ply.comments)
    elements = {element.name: element for element in ply.elements}

    colors = columns["colors"] * SH_C0 + 0.5
    if _is_srgb(facts, elements):
        colors = srgb_to_linear(colors)
    return Gaussians(
        means=columns["means"],
        scales=columns["scales"].exp(),
        quats=columns["quats"],
        opacities=columns["opacities"][:, 0].sigmoid(),
        colors=colors,
        camera=_camera(facts, elements),
        facts={key: value for key, value in facts.items() if key not in ("image_size", "focal_px", "color_space")},
    )


def _vertex_rows(gaussians: Gaussians) -> npt.NDArray[np.void]:
    """All Gaussians as one structured array."""
    opacities = gaussians.opacities.clamp(SMALLEST_OPACITY, LARGEST_OPACITY)
    parts = {
        "means": gaussians.means,
        "colors": (linear_to_srgb(gaussians.colors) - 0.5) / SH_C0,
        "opacities": torch.logit(opacities)[:, None],
        "scales": gaussians.scales.clamp(min=SMALLEST_SCALE).log(),
        "quats": gaussians.quats,
    }
    values = torch.cat([parts[group] for group in GROUPS], dim=1).to("cpu", torch.float32).contiguous()
    return values.numpy().view(VERTEX)[:, 0] if len(values) else np.empty(0, VERTEX)


def _comments(gaussians: Gaussians) -> list[str]:
    facts = {"color_space": "srgb", **gaussians.facts}
    if camera := gaussians.camera:
        facts = {"image_size": f"{camera.width} {camera.height}", "focal_px": f"{camera.focal_px:.9g}", **facts}
    lines = (" ".join(f"{COMMENT} {key} {value}".split()) for key, value in facts.items())
    return [line.encode("ascii", "backslashreplace").decode("ascii") for line in lines]


def _facts(comments: list[str]) -> dict[str, str]:
    words = (comment.split(maxsplit=2) for comment in comments)
    return {word[1]: word[2] for word in words if len(word) == 3 and word[0] == COMMENT}


def _published_elements(gaussians: Gaussians) -> list[PlyElement]:
    """What the published tool adds after ``vertex``: lists of one-property rows."""
    camera = gaussians.camera
    if camera is None:
        raise SharpError("The .ply layout 'sharp' stores the photo's camera, and these Gaussians have none.")
    f, w, h = camera.focal_px, camera.width, camera.height
    disparity = (1.0 / gaussians.means[:, 2]).quantile(gaussians.means.new_tensor([0.1, 0.9])).tolist()
    rows = {
        "extrinsic": ("<f4", np.eye(4).ravel()),
        "intrinsic": ("<f4", [f, 0, w / 2, 0, f, h / 2, 0, 0, 1]),
        "image_size": ("<u4", [w, h]),
        "frame": ("<i4", [1, len(gaussians)]),
        "disparity": ("<f4", disparity),
        "color_space": ("u1", [0]),
        "version": ("u1", [1, 5, 0]),
    }
    return [
        PlyElement.describe(np.array(values, dtype).view([(name, dtype)]), name)
        for name, (dtype, values) in rows.items()
    ]


def _columns(ply: PlyData, path: Path) -> dict[str, Tensor]:
    """The vertex element's property groups as (N, k) fp32 tensors."""
    if "vertex" not in ply:
        raise SharpError(f"{path} is a .ply file without a 'vertex' element, so it holds no splat.")
    vertex = ply["vertex"].data
    missing = [name for name in VERTEX.names or () if name not in (vertex.dtype.names or ())]
    if missing:
        raise SharpError(f"{path} is a .ply file but no Gaussian splat: it lacks {', '.join(missing)}.")
    columns = {}
    for group, names in GROUPS.items():
        values = np.empty((len(vertex), len(names)), np.float32)
        for column, name in enumerate(names):
            values[:, column] = vertex[name]
        too_large = group == "scales" and (values > LARGEST_LOG_SCALE).any()
        if too_large or not np.isfinite(values).all():
            raise SharpError(f"{path} holds values that are not finite in {group}.")
        columns[group] = torch.from_numpy(values)
    return columns


def _is_srgb(facts: Mapping[str, str], elements: Mapping[str, Any]) -> bool:
    if "color_space" in elements:
        return int(_row(elements["color_space"])[0]) == 0
    return facts.get("color_space", "srgb") != "linear"


def _camera(facts: Mapping[str, str], elements: Mapping[str, Any]) -> Camera | None:
    try:
        if {"intrinsic", "image_size"} <= elements.keys():
            width, height = _row(elements["image_size"])[:2]
            return Camera(int(width), int(height), float(_row(elements["intrinsic"])[0]))
        width, height = facts["image_size"].split()
        return Camera(int(width), int(height), float(facts["focal_px"]))
    except (KeyError, ValueError, IndexError):
        return None


def _row(element: Any) -> npt.NDArray[Any]:
    return np.asarray(element.data[element.properties[0].name])
