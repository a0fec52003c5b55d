"""Linear maps of Gaussians."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from sharp_cli.gaussians.covariance import suits_kernels, transform_shapes


class Shape(NamedTuple):
    """Positions and shapes of N Gaussians."""

    means: Tensor  # (N, 3)
    scales: Tensor  # (N, 3)
    quats: Tensor  # (N, 4) w, x, y, z


def transform(means: Tensor, scales: Tensor, quats: Tensor, matrix: Tensor) -> Shape:
    """Apply a linear map M: means become M μ, covariances M Σ Mᵀ (docs/network.md §8).

    Args:
        means, scales, quats: (N, 3), (N, 3), (N, 4); quaternions of any length.
        matrix: (3, 3) M.

    Returns:
        The new means, the scales in descending order, and unit quaternions of proper rotations. Zero quaternions, whose
        Gaussians are not rendered, stay zero.
    """
    if suits_kernels(means, scales, quats, matrix):
        from sharp_cli.gaussians import cpu

        return Shape(*cpu.transform(means, scales, quats, matrix))
    return Shape(means @ matrix.T, *transform_shapes(scales, quats, matrix))
