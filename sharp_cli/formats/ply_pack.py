"""Rows of a ``.ply`` without harmonics, for Gaussians on the CPU: the same bits as torch computes, in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sharp_cli.gaussians.sh import SH_C0
from sharp_cli.runtime.kernels import exact_kernel

Floats = NDArray[np.float32]

DARK = 0.0031308
"""Linear; below it the sRGB curve is straight."""

# The constants of linear_to_srgb as torch takes them: in single precision.
START, SLOPE, STRETCH, OFFSET = np.float32(DARK), np.float32(12.92), np.float32(1.055), np.float32(0.055)
MIDDLE, CONSTANT = np.float32(0.5), np.float32(SH_C0)


def pack(means: Tensor, colors: Tensor, logits: Tensor, logs: Tensor, quats: Tensor, rows: Tensor) -> None:
    """Write n Gaussians into rows (n, 14): position, color, opacity, scales, rotation.

    Args:
        means, colors, quats: (n, 3), (n, 3) linear RGB, (n, 4), as in the Gaussians; all float32 on the CPU.
        logits, logs: (n,), (n, 3) opacities and scales as the file holds them.
        rows: contiguous.
    """
    powers = colors.clamp(min=DARK).pow_(1 / 2.4)  # torch computes them sixteen at a time
    _pack(*(values.contiguous().view(-1).numpy() for values in (means, colors, powers, logits, logs, quats, rows)))


@exact_kernel
def _pack(
    means: Floats, colors: Floats, powers: Floats, logits: Floats, logs: Floats, quats: Floats, rows: Floats
) -> None:
    for i in range(len(logits)):
        row = 14 * i
        for k in range(3):
            rows[row + k] = means[3 * i + k]
            linear = colors[3 * i + k]
            encoded = linear * SLOPE if linear <= START else powers[3 * i + k] * STRETCH - OFFSET
            rows[row + 3 + k] = (encoded - MIDDLE) / CONSTANT
            rows[row + 7 + k] = logs[3 * i + k]
        rows[row + 6] = logits[i]
        for k in range(4):
            rows[row + 10 + k] = quats[4 * i + k]
