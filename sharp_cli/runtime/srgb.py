"""The sRGB transfer curve (IEC 61966-2-1) of NumPy arrays; ``gaussians.color`` has that of tensors."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", np.float32, np.float64)


def srgb_to_linear(srgb: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """sRGB → linear light, any shape; [0, 1] maps to [0, 1], and values outside follow the same curve."""
    curved = ((np.maximum(srgb, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= 0.04045, srgb / 12.92, curved).astype(srgb.dtype, copy=False)


def linear_to_srgb(linear: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Linear light → sRGB, any shape; the inverse of :func:`srgb_to_linear`."""
    curved = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, curved).astype(linear.dtype, copy=False)
