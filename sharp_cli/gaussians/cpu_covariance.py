"""Covariance matrices from scales and quaternions on CPUs, Σ = R diag(s²) Rᵀ, with their gradient.

Compiled loops in double precision, which costs little here and keeps long thin Gaussians exact; results are float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from sharp_cli.runtime.kernels import for_chunks, inlined, kernel

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

CHUNK = 1 << 15
"""Gaussians a thread takes at a time."""


def covariances(scales: Tensor, quats: Tensor) -> Tensor:
    """:func:`sharp_cli.gaussians.covariance.covariances` for float32 on the CPU; differentiable once."""
    result: Tensor = _Covariances.apply(scales.contiguous(), quats.contiguous())
    return result


class _Covariances(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scales: Tensor, quats: Tensor) -> Tensor:
        ctx.save_for_backward(scales, quats)
        covars = scales.new_empty(len(quats), 3, 3)
        for_chunks(_forward, len(quats), CHUNK, quats.detach().numpy(), scales.detach().numpy(), covars.numpy())
        return covars

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_covars: Tensor) -> tuple[Tensor, Tensor]:
        scales, quats = ctx.saved_tensors
        v_quats, v_scales = torch.empty_like(quats), torch.empty_like(scales)
        arrays = (t.detach().numpy() for t in (quats, scales, v_covars.contiguous(), v_quats, v_scales))
        for_chunks(_backward, len(quats), CHUNK, *arrays)
        return v_scales, v_quats


@inlined
def _rotation(quats: Floats, i: int, matrix: Doubles) -> tuple[float, float, float, float, float]:
    """Write the rotation of quaternion i into ``matrix``; return the unit quaternion and its former length."""
    w, x, y, z = np.float64(quats[i, 0]), np.float64(quats[i, 1]), np.float64(quats[i, 2]), np.float64(quats[i, 3])
    length = math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w / length, x / length, y / length, z / length
    matrix[0, 0] = 1 - 2 * (y * y + z * z)
    matrix[0, 1] = 2 * (x * y - w * z)
    matrix[0, 2] = 2 * (x * z + w * y)
    matrix[1, 0] = 2 * (x * y + w * z)
    matrix[1, 1] = 1 - 2 * (x * x + z * z)
    matrix[1, 2] = 2 * (y * z - w * x)
    matrix[2, 0] = 2 * (x * z - w * y)
    matrix[2, 1] = 2 * (y * z + w * x)
    matrix[2, 2] = 1 - 2 * (x * x + y * y)
    return w, x, y, z, length


@kernel
def _forward(start: int, stop: int, quats: Floats, scales: Floats, covars: Floats) -> None:
    rotation = np.empty((3, 3))
    for i in range(start, stop):
        _rotation(quats, i, rotation)
        a, b, c = np.float64(scales[i, 0]) ** 2, np.float64(scales[i, 1]) ** 2, np.float64(scales[i, 2]) ** 2
        for row in range(3):
            for column in range(row, 3):
                value = (
                    a * rotation[row, 0] * rotation[column, 0]
                    + b * rotation[row, 1] * rotation[column, 1]
                    + c * rotation[row, 2] * rotation[column, 2]
                )
                covars[i, row, column] = value
                covars[i, column, row] = value


@kernel
def _backward(
    start: int, stop: int, quats: Floats, scales: Floats, v_covars: Floats, v_quats: Floats, v_scales: Floats
) -> None:
    rotation, v = np.empty((3, 3)), np.empty((3, 3))
    for i in range(start, stop):
        v_quats[i], v_scales[i] = 0, 0
        if not v_covars[i].any():  # not rendered, perhaps for a zero quaternion
            continue
        w, x, y, z, length = _rotation(quats, i, rotation)
        for axis in range(3):
            scale = np.float64(scales[i, axis])
            v_scale = 0.0
            for row in range(3):
                # M = R diag(s) and Σ = M Mᵀ, so ∂M = (∂Σ + ∂Σᵀ) M
                v_m = 0.0
                for k in range(3):
                    v_m += (
                        (np.float64(v_covars[i, row, k]) + np.float64(v_covars[i, k, row])) * rotation[k, axis] * scale
                    )
                v[row, axis] = v_m * scale
                v_scale += v_m * rotation[row, axis]
            v_scales[i, axis] = v_scale
        v_w = 2 * (x * (v[2, 1] - v[1, 2]) + y * (v[0, 2] - v[2, 0]) + z * (v[1, 0] - v[0, 1]))
        v_x = 2 * (
            y * (v[0, 1] + v[1, 0]) + z * (v[0, 2] + v[2, 0]) + w * (v[2, 1] - v[1, 2]) - 2 * x * (v[1, 1] + v[2, 2])
        )
        v_y = 2 * (
            x * (v[0, 1] + v[1, 0]) + z * (v[1, 2] + v[2, 1]) + w * (v[0, 2] - v[2, 0]) - 2 * y * (v[0, 0] + v[2, 2])
        )
        v_z = 2 * (
            x * (v[0, 2] + v[2, 0]) + y * (v[1, 2] + v[2, 1]) + w * (v[1, 0] - v[0, 1]) - 2 * z * (v[0, 0] + v[1, 1])
        )
        along = v_w * w + v_x * x + v_y * y + v_z * z  # the quaternion's length has no effect
        v_quats[i, 0] = (v_w - along * w) / length
        v_quats[i, 1] = (v_x - along * x) / length
        v_quats[i, 2] = (v_y - along * y) / length
        v_quats[i, 3] = (v_z - along * z) / length
