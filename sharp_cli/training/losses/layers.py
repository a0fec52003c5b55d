"""Losses of the depth phase, which is ours: both disparity layers against one view's true depth, nothing rendered."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.training.losses.image import masked_mean

SCALES = 4
"""Halvings at which edges are compared."""

OFFSET, LEAST_OFFSET = 0.1, 0.03
"""Below this share of a picture's mean disparity differences fade, and below this disparity (some 25 m) everywhere:
without the latter, far scenes have gradients a thousand times those of near ones."""


def layer_losses(disparity: Tensor, true_depth: Tensor, disparity_factor: Tensor, reach: float) -> dict[str, Tensor]:
    """The terms, all on log(disparity + an offset of a tenth of the picture's mean true disparity and a little).

    The logarithm makes near and far scenes weigh alike, and too near as bad as too far: divided by the mean instead,
    errors in far scenes have no bound on one side only, and pull a young network toward no disparity at all. The
    offset keeps what is much farther than the rest of its picture, the sky above all, from counting for much.

    - ``scale``: absolute value of the visible layer's mean error, which is a factor on the whole picture;
    - ``shape``: mean absolute error around that mean. Taken together with it, the whole of a picture would pull one way
      as long as its scale is wrong, and hardly any shape be learned;
    - ``edges``: Σ over four halvings of the mean absolute gradient of that error (as MiDaS and Depth Pro have it),
      which makes edges sharp and surfaces smooth;
    - ``hidden``: mean absolute error of the second layer around the same mean, against :func:`surface_behind`.

    Args:
        disparity: (B, 2, R, R) as the network predicts it: focal length over width, divided by depth in meters.
        true_depth: (B, 1, R, R) [m]; 0 or less where it is not known, infinite for the sky.
        disparity_factor: (B,).
        reach: see :class:`~sharp_cli.training.config.DepthConfig`.
    """
    known = true_depth > 0
    factor = disparity_factor[:, None, None, None]
    true = torch.where(known, factor / true_depth, torch.zeros_like(true_depth))
    counted = known.to(true.dtype)
    mean = true.sum(dim=(1, 2, 3)) / counted.sum(dim=(1, 2, 3)).clamp(min=1.0)
    offset = (OFFSET * mean + LEAST_OFFSET)[:, None, None, None]
    wanted = torch.cat([true, surface_behind(true, known, reach)], dim=1)
    error = ((disparity + offset).log() - (wanted + offset).log()) * counted
    seen, hidden = error.split(1, dim=1)
    scale = seen.sum(dim=(1, 2, 3), keepdim=True) / counted.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1.0)
    return {
        "scale": scale.abs().mean(),
        "shape": masked_mean((seen - scale).abs(), known),
        "edges": edge_loss(seen, counted),
        "hidden": masked_mean((hidden - scale.detach()).abs(), known),
    }


def edge_loss(error: Tensor, counted: Tensor) -> Tensor:
    """Σ_k E abs ∇(error averaged over 2^k × 2^k pixels), k = 0..3, between neighbors whose truth is known.

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
    half = (radius + 1) // 2
    for kernel, padding in (((2 * half + 1, 1), (half, 0)), ((1, 2 * half + 1), (0, half))):
        farthest = F.avg_pool2d(farthest, kernel, stride=1, padding=padding, count_include_pad=False)
    return torch.minimum(farthest, disparity)
