"""Gaussians in the units that splat files store: log scales, unit quaternions, degree-0 coefficients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharp_cli.gaussians.color import linear_to_srgb, srgb_to_linear
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.spherical_harmonics import SH_C0

SMALLEST_SCALE = 1e-12
"""Meters; far below anything visible, with a finite logarithm."""

Floats = npt.NDArray[np.floating[Any]]


class SplatColumns(NamedTuple):
    """N Gaussians as NumPy arrays of floats."""

    means: Floats
    """(N, 3) [m]."""
    log_scales: Floats
    """(N, 3) natural logarithms of the standard deviations [m]."""
    quats: Floats
    """(N, 4) unit quaternions w, x, y, z."""
    opacities: Floats
    """(N,) in [0, 1]."""
    dc: Floats
    """(N, 3) coefficients of degree 0: the sRGB color is 0.5 + ``SH_C0`` · dc."""
    sh: Floats | None
    """(N, K, 3) coefficients of degrees 1 to d, K = (d + 1)² − 1; None if color does not depend on direction."""

    def take(self, order: npt.NDArray[np.int64]) -> SplatColumns:
        """The rows of ``order``."""
        return SplatColumns(*(None if values is None else values[order] for values in self))  # type: ignore[arg-type]


@torch.inference_mode()
def to_columns(gaussians: Gaussians, *, max_degree: int = 3) -> SplatColumns:
    """Convert for a writer. A Gaussian whose quaternion is zero is not rendered, so it becomes fully transparent.

    Args:
        max_degree: the highest degree of spherical harmonics that the format holds; higher ones are dropped.
    """
    quats = gaussians.quats.cpu().float().numpy()
    norms = np.linalg.norm(quats.astype(np.float64), axis=1, keepdims=True)
    empty = norms[:, 0] == 0
    units = np.where(empty[:, None], np.array([1.0, 0.0, 0.0, 0.0]), quats / np.where(norms == 0, 1, norms))
    sh = None
    if gaussians.sh is not None and max_degree > 0:
        sh = gaussians.sh[:, : (max_degree + 1) ** 2 - 1].cpu().float().numpy()
    return SplatColumns(
        means=gaussians.means.cpu().float().numpy(),
        log_scales=gaussians.scales.cpu().float().clamp(min=SMALLEST_SCALE).log().numpy(),
        quats=units.astype(np.float32),
        opacities=np.where(empty, np.float32(0), gaussians.opacities.cpu().float().numpy()),
        dc=((linear_to_srgb(gaussians.colors.cpu().float()) - 0.5) / SH_C0).numpy(),
        sh=sh,
    )


@torch.inference_mode()
def from_columns(columns: SplatColumns) -> Gaussians:
    """Convert what a reader found; the camera is unknown, and colors are blended as other tools do."""

    def tensor(values: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.array(values, np.float32))

    return Gaussians(
        means=tensor(columns.means),
        scales=tensor(columns.log_scales).exp_(),
        quats=tensor(columns.quats),
        opacities=tensor(columns.opacities),
        colors=srgb_to_linear(tensor(columns.dc).mul_(SH_C0).add_(0.5)),
        sh=None if columns.sh is None else tensor(columns.sh),
        blending="srgb",
    )


def morton_order(means: Floats) -> npt.NDArray[np.int64]:
    """An order along a space-filling (Morton) curve, so that neighbors in space follow one another.

    Cells are equally full: the curve runs through the ranks of the coordinates, however far some of them are.
    """
    code = np.zeros(len(means), np.int64)
    for axis, values in enumerate(means.T):
        ranks = np.empty(len(means), np.int64)
        ranks[values.argsort(kind="stable")] = np.arange(len(means)) * 1024 // max(len(means), 1)
        for bit in range(10):
            code |= (ranks >> bit & 1) << (3 * bit + axis)
    return code.argsort(kind="stable")
