"""Losses on the depth adjustment's map S (docs/training.md: scale, grad-scale): it may help, little and smoothly."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from sharp_cli.training.losses.depth import total_variation

LEVELS = 6


def scale_loss(adjustment: Tensor) -> Tensor:
    """E abs(S − 1).

    Args:
        adjustment: (B, 1, R, R) factors, 1 for none.
    """
    return (adjustment - 1.0).abs().mean()


def scale_gradient_loss(adjustment: Tensor) -> Tensor:
    """Σ_{k=1..6} E abs ∇(S downsampled by 2^k).

    The paper names neither filter nor norm. Downsampling is the mean over 2^k × 2^k pixels; abs ∇ is abs ∂x + abs ∂y
    between neighbors of the smaller map, as in the tv loss. Levels of fewer than two pixels a side add nothing.

    Args:
        adjustment: (B, 1, R, R) factors.
    """
    total, level = adjustment.new_zeros(()), adjustment
    for _ in range(LEVELS):
        if min(level.shape[-2:]) < 4:
            break
        level = F.avg_pool2d(level, 2)
        total = total + total_variation(level)
    return total
