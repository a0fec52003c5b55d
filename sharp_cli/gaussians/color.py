"""The sRGB transfer curve (IEC 61966-2-1; docs/network.md §9)."""

from __future__ import annotations

import torch
from torch import Tensor


def srgb_to_linear(srgb: Tensor) -> Tensor:
    """sRGB → linear RGB, any shape; [0, 1] maps to [0, 1], and values outside follow the same curve."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Linear RGB → sRGB, any shape; the inverse of :func:`srgb_to_linear`."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)
