"""The predictor's grids: two layers of Gaussians, a square each, row by row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from sharp_cli.gaussians.gaussians import Camera


def find_grid(means: npt.NDArray[np.floating[Any]], camera: Camera | None) -> int | None:
    """The side of the predictor's grids if these can be its Gaussians.

    Neighbors in a row must then look in neighboring directions.

    Args:
        means: (N, 3) in the files' order.
        camera: of the photo; without one, they are none of the predictor's.
    """
    side = math.isqrt(len(means) // 2)
    if camera is None or side < 2 or 2 * side * side != len(means):
        return None
    grids = means.reshape(2, side, side, 3)
    depths = np.maximum(grids[..., 2], np.float32(1e-9))
    with np.errstate(over="ignore", invalid="ignore"):  # what is infinitely far aside is in no order
        across, down = grids[..., 0] / depths, grids[..., 1] / depths
        ordered = (np.mean(np.diff(across, axis=2) > 0) + np.mean(np.diff(down, axis=1) > 0)) / 2
    return side if float(ordered) > 0.9 else None
