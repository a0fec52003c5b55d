"""Semi-global matching: the cost of each plane at each pixel, with the cost of the smoothest way to it from four sides.

After H. Hirschmüller, "Stereo Processing by Semiglobal Matching and Mutual Information" (2008).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SMALL = 0.08
"""Cost of a step to the next plane."""
LARGE = 0.8
"""Cost of a jump between planes where the picture is even."""
CHEAPER = 12.0
"""Difference of neighbors [of 255] at which a jump costs half as much."""


def smooth_cost(cost: Tensor, gray: Tensor) -> Tensor:
    """Add up the smoothed costs from left, right, above and below.

    Args:
        cost: (P, H, W) of each plane at each pixel, about 0..1.
        gray: (H, W) luma, 0..255; jumps are cheaper where it changes.

    Returns:
        (P, H, W).
    """
    total = torch.zeros_like(cost)
    for axis in (1, 2):
        lines, shade = cost.movedim(axis, 0).contiguous(), gray.movedim(axis - 1, 0)
        jump = LARGE / (1 + (shade[1:] - shade[:-1]).abs() / CHEAPER)
        summed = total.movedim(axis, 0)
        for order in (range(len(lines)), range(len(lines) - 1, -1, -1)):
            way = None
            for index in order:
                if way is None:
                    way = lines[index]
                else:
                    between = jump[index - 1 if order.step > 0 else index]
                    way = lines[index] + _cheapest(way, between)
                summed[index] += way
    return total


def _cheapest(way: Tensor, jump: Tensor) -> Tensor:
    """(P, N) the cheapest way on to each plane from the pixel before, less the cheapest of all.

    Args:
        way: (P, N) costs of the pixel before.
        jump: (N,) cost of a jump.
    """
    lowest = way.amin(dim=0)
    beside = torch.minimum(
        F.pad(way[1:], (0, 0, 0, 1), value=torch.inf), F.pad(way[:-1], (0, 0, 1, 0), value=torch.inf)
    )
    return torch.minimum(torch.minimum(way, beside + SMALL), lowest + jump) - lowest
