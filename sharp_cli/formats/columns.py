"""Gaussians in the units that splat files store: log scales, quaternions, degree-0 coefficients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SMALLEST_SCALE = 1e-12
"""Meters; far below anything visible, with a finite logarithm."""

SMALLEST_LOG = np.float32(np.log(SMALLEST_SCALE))

Floats = npt.NDArray[np.floating[Any]]


def any_values() -> np.errstate:
    """For arithmetic on what files hold, which may be anything: what overflows is dropped, cut off or refused later."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


class SplatColumns(NamedTuple):
    """N Gaussians as NumPy arrays of floats."""

    means: Floats
    """(N, 3) [m]."""
    log_scales: Floats
    """(N, 3) natural logarithms of the standard deviations [m]; −∞ for a scale of zero, until they are written."""
    quats: Floats
    """(N, 4) quaternions w, x, y, z, of any length until they are written."""
    opacities: Floats
    """(N,) in [0, 1]."""
    dc: Floats
    """(N, 3) coefficients of degree 0: the sRGB color is 0.5 + ``SH_C0`` · dc."""
    sh: Floats | None
    """(N, K, 3) coefficients of degrees 1 to d, K = (d + 1)² − 1; None if color does not depend on direction."""

    def take(self, order: npt.NDArray[np.int64]) -> SplatColumns:
        """The rows of ``order``."""
        return SplatColumns(*(None if values is None else values[order] for values in self))  # type: ignore[arg-type]

    def to_write(self, *, max_degree: int = 3) -> SplatColumns:
        """What formats can store: finite logarithms, unit quaternions, harmonics up to a degree.

        A Gaussian whose quaternion is zero is not rendered, so it becomes fully transparent.
        """
        norms = np.linalg.norm(self.quats.astype(np.float64), axis=1, keepdims=True)
        empty = norms[:, 0] == 0
        units = np.where(empty[:, None], np.array([1.0, 0.0, 0.0, 0.0]), self.quats / np.where(norms == 0, 1, norms))
        return self._replace(
            log_scales=np.maximum(self.log_scales, SMALLEST_LOG),
            quats=units.astype(np.float32),
            opacities=np.where(empty, np.float32(0), self.opacities),
            sh=None if self.sh is None or max_degree == 0 else self.sh[:, : (max_degree + 1) ** 2 - 1],
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
