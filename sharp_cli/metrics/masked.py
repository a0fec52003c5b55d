"""Means over the pixels that count."""

from __future__ import annotations

import torch
from torch import Tensor


def widened(values: Tensor) -> Tensor:
    """The values as float64, or float32 on MPS, which has no float64."""
    return values.float() if values.device.type == "mps" else values.double()


def mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """(B,) means of (B, 1, H, W) values where the mask is true; NaN where it nowhere is."""
    mask = mask.bool()
    kept = widened(torch.where(mask, values, torch.zeros_like(values)))
    return kept.sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3))
