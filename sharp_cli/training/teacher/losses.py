"""How well log disparity matches the truth, per picture: scale, shape, near things, correlation, edges."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR_SHARE, FLOOR, NEAREST = 0.06, 0.004, 6.0
"""True disparity is not below this share of its picture's mean nor below the floor (some 200 m), or skies would
outweigh all else; and not above the nearest."""

WEIGHTS = {"scale": 0.35, "shape": 1.0, "near": 0.5, "correlation": 0.4, "edges": 0.5}
SCALES = 4
WORST_SCALE = 2.5
"""Larger errors of a picture's scale teach nothing more."""


def floored(disparity: Tensor, known: Tensor) -> Tensor:
    """(B, H, W) true disparity with its floor; ``known`` is a (B, H, W) mask."""
    counted = known.float()
    mean = (disparity * counted).sum(dim=(1, 2)) / counted.sum(dim=(1, 2)).clamp(min=1)
    return torch.maximum(disparity, (FLOOR_SHARE * mean).clamp(min=FLOOR)[:, None, None]).clamp(max=NEAREST)


def disparity_losses(log_disparity: Tensor, true: Tensor, known: Tensor) -> dict[str, Tensor]:
    """The terms, each (B,).

    - ``scale``: absolute mean error of log disparity, a factor on the whole picture;
    - ``shape``: mean absolute error of log disparity around that mean;
    - ``near``: mean absolute error of disparity over its picture's mean, in which near things count most;
    - ``correlation``: 1 − Pearson's, of disparity;
    - ``edges``: mean absolute gradient of the error of log disparity, over ``SCALES`` halvings.

    Args:
        log_disparity: (B, H, W) predicted.
        true: (B, H, W) disparity > 0; see :func:`floored`.
        known: (B, H, W) bool.
    """
    counted = known.float()
    pixels = counted.sum(dim=(1, 2)).clamp(min=1)

    def mean(values: Tensor) -> Tensor:
        return (values * counted).sum(dim=(1, 2)) / pixels

    error = (log_disparity - true.log()) * counted
    scale = mean(error)
    shape = mean((error - scale[:, None, None]).abs())
    found = log_disparity.exp()
    found_mean, true_mean = mean(found)[:, None, None], mean(true)[:, None, None]
    near = mean((found / found_mean - true / true_mean).abs())
    a, b = (found - found_mean) * counted, (true - true_mean) * counted
    power = (a.square().sum(dim=(1, 2)) * b.square().sum(dim=(1, 2)) + 1e-8).sqrt()
    correlation = 1 - (a * b).sum(dim=(1, 2)) / power
    return {
        "scale": scale.abs().clamp(max=WORST_SCALE),
        "shape": shape,
        "near": near,
        "correlation": correlation,
        "edges": _edges(error[:, None], counted[:, None]),
    }


def total(terms: dict[str, Tensor]) -> Tensor:
    """The number to minimize."""
    return torch.stack([WEIGHTS[name] * term.mean() for name, term in terms.items()]).sum()


def _edges(error: Tensor, counted: Tensor) -> Tensor:
    """(B,) of (B, 1, H, W) maps, between neighbors whose truth is known."""
    found = error.new_zeros(len(error))
    for level in range(SCALES):
        if level:
            error, counted = F.avg_pool2d(error, 2), -F.max_pool2d(-counted, 2)
        for dim in (2, 3):
            size = error.shape[dim] - 1
            both = counted.narrow(dim, 0, size) * counted.narrow(dim, 1, size)
            found = found + (error.diff(dim=dim).abs() * both).sum(dim=(1, 2, 3)) / both.sum(dim=(1, 2, 3)).clamp(min=1)
    return found
