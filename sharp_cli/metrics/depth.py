"""Metrics of a depth map against the truth (docs/training.md, evaluation protocol).

Depth maps are (B, 1, H, W) in meters, and every metric gives one value per map, (B,): the protocol's means are over
samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sharp_cli.metrics.masked import mean_where


def abs_rel(depth: Tensor, true_depth: Tensor) -> Tensor:
    """AbsRel: E abs(depth − true) / true over the pixels that have a true depth; a picture without any gives NaN.

    Args:
        depth: (B, 1, H, W) [m]; 0 where nothing was rendered, which is an error of 1.
        true_depth: (B, 1, H, W) [m]; 0, negative, infinite or NaN where it is not known.
    """
    known = has_depth(true_depth)
    return mean_where((depth - true_depth).abs() / true_depth, known)


def delta_accuracy(depth: Tensor, true_depth: Tensor, threshold: float = 1.25) -> Tensor:
    """δ < 1.25: the part of the pixels with max(depth / true, true / depth) below the threshold.

    Args: as of :func:`abs_rel`.
    """
    ratio = torch.maximum(depth / true_depth, true_depth / depth)
    return mean_where((ratio < threshold).float(), has_depth(true_depth))


def align_depth(depth: Tensor, true_depth: Tensor) -> Tensor:
    """Depth times :func:`depth_scale`: the protocol's "privileged depth".

    Args: as of :func:`abs_rel`.
    """
    return depth * depth_scale(depth, true_depth)[:, None, None, None]


def depth_scale(depth: Tensor, true_depth: Tensor) -> Tensor:
    """(B,) medians of true / predicted depth.

    The median is over the pixels where both are known (of an even number, the lower middle one); a picture
    without any gives 1.

    Args: as of :func:`abs_rel`.
    """
    usable = has_depth(true_depth) & has_depth(depth)
    ratio = torch.where(usable, true_depth / depth, torch.full_like(depth, torch.nan))
    return ratio.flatten(1).nanmedian(dim=1).values.nan_to_num(nan=1.0)


def has_depth(depth: Tensor) -> Tensor:
    """Where a depth map says something: finite values above 0."""
    return (depth > 0) & depth.isfinite()
