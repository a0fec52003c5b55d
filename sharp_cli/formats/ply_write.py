"""Writing 3DGS ``.ply`` files (spec/network.md §9)."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch
from plyfile import PlyData, PlyElement
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.formats.ply_header import COMMENT, escape
from sharp_cli.formats.ply_layout import CAMERA_FACTS, FULL_COEFFICIENTS, PlyLayout, vertex_names
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.covariance import suits_kernels
from sharp_cli.gaussians.finite import all_finite
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.spherical_harmonics import SH_C0, sh_degree
from sharp_cli.runtime.files import atomic_write

SMALLEST_SCALE = 1e-12  # metres; far below anything visible, with a finite logarithm
SMALLEST_OPACITY, LARGEST_OPACITY = 1e-7, 1 - 2**-24

CHUNK = 1 << 13
"""Gaussians at a time: on their way each is held several times over, and so few stay in a processor's cache."""


@torch.inference_mode()
def write_ply(path: str | PathLike[str], gaussians: Gaussians, layout: PlyLayout = "standard") -> None:
    """Write Gaussians as a binary little-endian 3DGS file; colours are stored as sRGB.

    Zero scales and opacities of 0 or 1 are moved to the nearest value with a finite logarithm or logit.
    The file appears under its name only when it is complete.

    Args:
        layout: see :data:`PlyLayout`; ``sharp`` needs ``gaussians.camera`` and drops ``gaussians.sh``.

    Raises:
        SharpError: a layout that does not exist, ``sharp`` without a camera, or values that are not finite.
        OSError: the file cannot be written; ``errno`` tells why, a full disk for instance.
    """
    if layout not in get_args(PlyLayout):
        raise SharpError(f"There is no .ply layout '{layout}'; choose one of {', '.join(get_args(PlyLayout))}.")
    names = vertex_names(layout, rest := _rest_coefficients(gaussians, layout))
    one_row = np.empty((), [(name, "<f4") for name in names])
    vertices = PlyElement.describe(np.broadcast_to(one_row, len(gaussians)), "vertex")  # for the header alone
    elements = _published_elements(gaussians) if layout == "sharp" else []
    comments = [f"{COMMENT} {key} {escape(value)}" for key, value in _facts(gaussians, layout).items()]
    header = PlyData([vertices, *elements], byte_order="<", comments=comments).header
    with atomic_write(Path(path)) as temporary, temporary.open("wb") as file:
        file.write(f"{header}\n".encode("ascii"))
        for rows in _vertex_rows(gaussians, layout, rest):
            file.write(rows.data)
        for element in elements:
            file.write(element.data.tobytes())


def _rest_coefficients(gaussians: Gaussians, layout: PlyLayout) -> int:
    """How many harmonics each colour gets beside the constant one."""
    kept = 0
    if gaussians.sh is not None and layout != "sharp":
        kept = (sh_degree(gaussians.sh) + 1) ** 2 - 1
    return max(kept, FULL_COEFFICIENTS) if layout == "full" else kept


def _facts(gaussians: Gaussians, layout: PlyLayout) -> dict[str, str]:
    facts = {"_".join(escape(key).split()): value for key, value in gaussians.facts.items() if key not in CAMERA_FACTS}
    if layout == "sharp":  # whose elements tell the rest
        return facts
    if camera := gaussians.camera:
        facts = {"image_size": f"{camera.width} {camera.height}", "focal_px": f"{camera.focal_px:.9g}", **facts}
    return {**facts, "color_space": "srgb"}


def _vertex_rows(gaussians: Gaussians, layout: PlyLayout, rest: int) -> Iterator[npt.NDArray[np.float32]]:
    """The Gaussians chunk by chunk, their values in the order of :func:`vertex_names`; a chunk lives until the next."""
    row = len(vertex_names(layout, rest))
    space = gaussians.means.new_empty(min(CHUNK, len(gaussians)), row, dtype=torch.float32)
    for start in range(0, len(gaussians), CHUNK):
        part = slice(start, start + CHUNK)
        means, colors, quats = gaussians.means[part], gaussians.colors[part], gaussians.quats[part]
        logits = torch.logit(gaussians.opacities[part].clamp(SMALLEST_OPACITY, LARGEST_OPACITY))
        logs = gaussians.scales[part].clamp(min=SMALLEST_SCALE).log()
        values = space[: len(means)]
        if layout != "full" and not rest and suits_kernels(means, colors, quats, logits, logs):
            from sharp_cli.formats.ply_pack import pack

            pack(means, colors, logits, logs, quats, values)
        else:
            normals = means.new_zeros(len(means), 3 if layout == "full" else 0)
            constants = (linear_to_srgb(colors) - 0.5) / SH_C0
            parts = [means, normals, constants, _rest(gaussians, part, rest), logits[:, None], logs, quats]
            torch.cat(parts, dim=1, out=values)
        if not all_finite(values):
            raise SharpError("These Gaussians hold values that are not finite, so they were not written.")
        yield values.cpu().numpy().astype("<f4", copy=False)


def _rest(gaussians: Gaussians, part: slice, coefficients: int) -> Tensor:
    """Harmonics as files hold them, all of one colour side by side, with zeros for those there are none of."""
    rest = gaussians.means.new_zeros(len(gaussians.means[part]), 3, coefficients)
    if gaussians.sh is not None and coefficients:
        sh = gaussians.sh[part]
        rest[:, :, : sh.shape[1]] = sh.transpose(1, 2)
    return rest.flatten(1)


def _published_elements(gaussians: Gaussians) -> list[PlyElement]:
    """What the published tool adds after ``vertex``: lists of one-property rows, named like their element."""
    camera = gaussians.camera
    if camera is None:
        raise SharpError("The .ply layout 'sharp' stores the photo's camera, and these Gaussians have none.")
    f, w, h = camera.focal_px, camera.width, camera.height
    depths = gaussians.means[:, 2].detach().to("cpu", torch.float32).numpy()
    depths = depths[depths > 0]
    disparity = np.quantile(1 / depths, np.array([0.1, 0.9], np.float32)) if len(depths) else [0, 0]
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
