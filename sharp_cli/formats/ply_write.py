"""Writing 3DGS ``.ply`` files (docs/network.md §9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, get_args

import numpy as np
import numpy.typing as npt
from plyfile import PlyData, PlyElement

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import any_values
from sharp_cli.formats.metadata import blending_fact, check_axes, to_axes
from sharp_cli.formats.ply_columns import rows_of
from sharp_cli.formats.ply_header import COMMENT, MAX_HEADER_BYTES, escape
from sharp_cli.formats.ply_layout import CAMERA_FACTS, PlyLayout, rest_count, vertex_names
from sharp_cli.formats.registry import format_of
from sharp_cli.formats.stored import StoredSplat, as_stored
from sharp_cli.gaussians.axes import Axes
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.runtime.files import atomic_write, user_path

if TYPE_CHECKING:
    from torch import Tensor


@any_values()
def write_ply(
    path: str | PathLike[str],
    gaussians: Gaussians | StoredSplat,
    layout: PlyLayout = "standard",
    provenance: Mapping[str, str] | None = None,
    *,
    axes: Axes = "opencv",
    rows: Callable[[], Tensor] | None = None,
) -> None:
    """Write a splat as a binary little-endian 3DGS file; colors are stored as sRGB.

    Zero scales and opacities of 0 or 1 move to the nearest value with a finite logarithm or logit.
    The file appears under its name only when it is complete.

    Args:
        layout: see :data:`PlyLayout`; ``sharp`` needs the photo's camera and drops harmonics.
        provenance: how this file is made, kept as comments. Reading the file does not make them facts of the Gaussians.
        axes: of the file; a comment names them, so that reading the file gives OpenCV's again.
        rows: what :func:`~sharp_cli.formats.ply_vertices.start_rows` gave for these Gaussians and this layout, if it
            was called ahead; for OpenCV's axes.

    Raises:
        SharpError: an unknown layout, the suffix of another format, ``sharp`` without a camera or with other axes,
            facts of many megabytes, or values that are not finite.
        OSError: the file cannot be written; ``errno`` gives the reason, for instance a full disk.
    """
    if layout not in get_args(PlyLayout):
        raise SharpError(f"unknown .ply layout '{layout}' (choose {', '.join(get_args(PlyLayout))})")
    path = user_path(path)
    if (meant := format_of(path)) is not None and meant.suffix != ".ply":
        raise SharpError(f"cannot write a .ply file as {path}: the name is that of a {meant.suffix} (use write_splat)")
    if layout == "sharp" and axes != "opencv":
        raise SharpError(f"the .ply layout 'sharp' has OpenCV axes, not {axes} (choose another layout)")
    check_axes(axes)
    if layout == "sharp" and gaussians.camera is None:
        raise SharpError("the .ply layout 'sharp' stores the photo's camera, which this splat does not have")
    if isinstance(gaussians, StoredSplat) or axes != "opencv":
        gaussians, provenance = to_axes(as_stored(gaussians), provenance, axes)
        rest = rest_count(gaussians.columns.sh, layout)
        values = rows_of(gaussians.columns, layout)
    else:
        from sharp_cli.formats.ply_vertices import start_rows  # imports torch

        rest = rest_count(gaussians.sh, layout)
        values = (rows or start_rows(gaussians, layout))().numpy()
    names = vertex_names(layout, rest)
    comments = fact_comments(gaussians, with_camera=layout != "sharp", provenance=provenance)
    values = values.astype("<f4", copy=False)
    elements = _published_elements(gaussians.camera, values[:, 2]) if layout == "sharp" and gaussians.camera else []
    vertices = PlyElement.describe(values.view([(name, "<f4") for name in names])[:, 0], "vertex")
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        PlyData([vertices, *elements], byte_order="<", comments=comments).write(file)


def fact_comments(
    splat: Gaussians | StoredSplat, with_camera: bool = True, provenance: Mapping[str, str] | None = None
) -> list[str]:
    """Facts, provenance, and if asked for camera and color space, as ``sharp KEY VALUE`` comments of a header.

    Raises:
        SharpError: more than readers accept.
    """
    facts = {"_".join(escape(key).split()): value for key, value in splat.facts.items() if key not in CAMERA_FACTS}
    if with_camera:
        if camera := splat.camera:
            facts = {"image_size": f"{camera.width} {camera.height}", "focal_px": f"{camera.focal_px:.9g}", **facts}
        facts["color_space"] = "srgb"
        if splat.up:
            facts["up"] = splat.up
    facts |= blending_fact(splat)
    facts |= provenance or {}
    comments = [f"{COMMENT} {key} {escape(value)}" for key, value in facts.items()]
    if sum(map(len, comments)) > MAX_HEADER_BYTES // 2:
        raise SharpError(f"cannot write the splat: its facts fill more than {MAX_HEADER_BYTES >> 21} MB (shorten them)")
    return comments


def _published_elements(camera: Camera, depths: npt.NDArray[np.float32]) -> list[PlyElement]:
    """What the published tool adds after ``vertex``: lists of one-property rows, named like their element."""
    f, w, h = camera.focal_px, camera.width, camera.height
    seen = depths[depths > 0]
    disparity = np.quantile(1 / seen, np.array([0.1, 0.9], np.float32)) if len(seen) else [0, 0]
    rows = {
        "extrinsic": ("<f4", np.eye(4).ravel()),
        "intrinsic": ("<f4", [f, 0, w / 2, 0, f, h / 2, 0, 0, 1]),
        "image_size": ("<u4", [w, h]),
        "frame": ("<i4", [1, len(depths)]),
        "disparity": ("<f4", disparity),
        "color_space": ("u1", [0]),
        "version": ("u1", [1, 5, 0]),
    }
    return [
        PlyElement.describe(np.array(values, dtype).view([(name, dtype)]), name)
        for name, (dtype, values) in rows.items()
    ]
