"""What the kernels hand to each other: sizes, columns of arrays, and named groups of arrays."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Shorts = NDArray[np.int16]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

TILE = 32
"""Side of a tile in pixels."""
CHUNK = 1 << 15
"""Gaussians a thread takes at a time."""
FAINTEST = 1 / 255
"""A splat ends where its alpha falls below this."""
HALF_LOG2E = 0.5 * math.log2(math.e)
"""exp(−d² / 2) = 2^(−HALF_LOG2E · d²)."""

# What a splat is to the image: columns of the (N, 10) `splats`. With (x, y) the way from its centre to a pixel, its
# alpha there is 2^(PEAK − u² − v²), u = UX x + UY y and v = VY y: the covariance's inverse in triangular form, which
# unlike the inverse itself loses no precision on thin splats. Beyond HALF_WIDTH and HALF_HEIGHT alpha is below 1/255.
X, Y, HALF_WIDTH, HALF_HEIGHT, UX, UY, VY, PEAK, DEPTH, INVERSE_UX = range(10)

# A splat's gradients summed over the pixels of one tile: columns of the (M, 10) `sums`. The first six are moments of
# g = alpha · ∂alpha, the last four the gradients of the splat's colour and depth.
G, GU, GV, GUU, GUV, GVV, RED, GREEN, BLUE, DEEP = range(10)


class SplatArrays(NamedTuple):
    """N Gaussians, or their gradients."""

    means: Floats  # (N, 3)
    covars: Floats  # (N, 3, 3)
    opacities: Floats  # (N,)
    colors: Floats  # (N, 3)


class CameraArrays(NamedTuple):
    """A camera and the size of its image."""

    rotation: Doubles  # (3, 3) world to camera
    translation: Doubles  # (3,)
    fx: float
    fy: float
    cx: float
    cy: float
    x_low: float  # bounds of x/z and y/z in the projection's derivative
    x_high: float
    y_low: float
    y_high: float
    width: int
    height: int
    eps2d: float
    near: float
    far: float


class Canvas(NamedTuple):
    """What one camera sees, without a background; or its gradient."""

    color: Floats  # (H, W, 3) Σ w · colour
    transmittance: Floats  # (H, W) left over
    depth: Floats  # (H, W) Σ w · z


class Bins(NamedTuple):
    """One camera's splats and where they go; tile t blends the splats order[starts[t] : starts[t + 1]]."""

    splats: Floats  # (N, 10)
    boxes: Shorts  # (N, 4) tiles a splat touches: first x, first y, last x + 1, last y + 1; all 0 if it is not seen
    starts: Longs  # (tiles + 1,)
    order: Integers  # (M,)
