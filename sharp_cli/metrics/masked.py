"""Means over the pixels that count."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """(B,) means of (B, 1, H, W) values where the mask is true; NaN where it nowhere is."""
    mask = mask.bool()
    kept = torch.where(mask, values, torch.zeros_like(values)).double()
    return kept.sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3))
