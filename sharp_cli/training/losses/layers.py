"""Losses of the depth phase, which is ours: both disparity layers against one view's true depth, nothing rendered."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.training.losses.image import masked_mean

SCALES = 4
"""Halvings at which edges are compared."""


def layer_losses(disparity: Tensor, true_depth: Tensor, disparity_factor: Tensor, reach: float) -> dict[str, Tensor]:
    """The terms, each relative to the picture's mean true disparity, so that near and far scenes weigh alike.

    - ``disparity``: the visible layer's mean absolute error (the paper's depth loss up to that scale);
    - ``edges``: Σ over four halvings of the mean absolute gradient of that error (as MiDaS and Depth Pro have it),
      which makes edges sharp and surfaces smooth;
    - ``hidden``: the mean absolute error of the second layer against :func:`surface_behind`.

    Args:
        disparity: (B, 2, R, R) as the network predicts it: focal length over width, divided by depth in metres.
        true_depth: (B, 1, R, R) [m]; 0 or less where it is not known, infinite for the sky.
        disparity_factor: (B,).
        reach: see :class:`~sharp_cli.training.config.DepthConfig`.
    """
    known = true_depth > 0
    factor = disparity_factor[:, None, None, None]
    true = torch.where(known, factor / true_depth, torch.zeros_like(true_depth))
    counted = known.to(true.dtype)
    mean = true.sum(dim=(1, 2, 3)) / counted.sum(dim=(1, 2, 3)).clamp(min=1.0)
    unit = mean.clamp(min=1e-3)[:, None, None, None]
    error = (disparity[:, :1] - true) / unit * counted
    behind = (disparity[:, 1:] - surface_behind(true, known, reach)) / unit
    return {
        "disparity": masked_mean(error.abs(), known),
        "edges": edge_loss(error, counted),
        "hidden": masked_mean(behind.abs(), known),
    }


def edge_loss(error: Tensor, counted: Tensor) -> Tensor:
    """Σ_k E abs ∇(error averaged over 2^k × 2^k pixels), k = 0..3, between neighbours whose truth is known.

    Args:
        error, counted: (B, 1, R, R), 0 and 0 where the truth is not known.
    """
    total = error.new_zeros(())
    for level in range(SCALES):
        if level:
            error, counted = F.avg_pool2d(error, 2), -F.max_pool2d(-counted, 2)
        for dim in (2, 3):
            size = error.shape[dim] - 1
            both = counted.narrow(dim, 0, size) * counted.narrow(dim, 1, size)
            total = total + masked_mean(error.diff(dim=dim).abs(), both)
    return total


def surface_behind(disparity: Tensor, known: Tensor, reach: float) -> Tensor:
    """A guess at what lies behind: the farthest surface within ``reach``, smoothly; where all is even, what is seen.

    What a small move of the camera uncovers beside an edge is mostly the surface that goes on behind it.

    Args:
        disparity: (B, 1, R, R) true disparity.
        known: (B, 1, R, R) bool.
        reach: share of R.

    Returns:
        (B, 1, R, R), at most ``disparity``.
    """
    radius = max(1, round(reach * disparity.shape[-1]))
    # Two passes over rows and columns make the square window; unknown pixels must not count as far away.
    farthest = torch.where(known, disparity, torch.full_like(disparity, torch.inf))
    for kernel, padding in (((2 * radius + 1, 1), (radius, 0)), ((1, 2 * radius + 1), (0, radius))):
        farthest = -F.max_pool2d(-farthest, kernel, stride=1, padding=padding)
    farthest = torch.where(farthest.isfinite(), farthest, disparity)
    for kernel, padding in (((radius + 1 | 1, 1), ((radius + 1 | 1) // 2, 0)), ((1, radius + 1 | 1), (0, (radius + 1 | 1) // 2))):
        farthest = F.avg_pool2d(farthest, kernel, stride=1, padding=padding, count_include_pad=False)
    return torch.minimum(farthest, disparity)
