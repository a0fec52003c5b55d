"""What kernels pass to each other: sizes, columns of arrays, and named groups of arrays."""

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
"""Side of a tile [px]."""
CHUNK = 1 << 15
"""Gaussians a thread takes at a time."""
FAINTEST = 1 / 255
"""Alpha at which a splat ends."""
HALF_LOG2E = 0.5 * math.log2(math.e)
"""exp(−d² / 2) = 2^(−HALF_LOG2E · d²)."""

# A splat in the image: columns of the (N, 10) `splats`. At an offset (x, y) from its center, its alpha is
# 2^(PEAK − u² − v²) with u = UX x + UY y and v = VY y. This is the inverse covariance in triangular form, which loses
# no precision on thin splats, unlike the inverse itself. Beyond HALF_WIDTH and HALF_HEIGHT alpha is below 1/255.
X, Y, HALF_WIDTH, HALF_HEIGHT, UX, UY, VY, PEAK, DEPTH, INVERSE_UX = range(10)

# A splat's gradients summed over the pixels of one tile: columns of the (M, 10) `sums`. The first six are moments of
# g = alpha · ∂alpha, the last four the gradients of the splat's color and depth.
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
    """What one camera sees, without the background; or its gradient."""

    color: Floats  # (H, W, 3) Σ w · color
    transmittance: Floats  # (H, W) what remains
    depth: Floats  # (H, W) Σ w · z


class Bins(NamedTuple):
    """One camera's splats and their tiles; tile t blends the splats order[starts[t] : starts[t + 1]]."""

    splats: Floats  # (N, 10)
    boxes: Shorts  # (N, 4) tiles a splat touches: first x, first y, last x + 1, last y + 1; all 0 if unseen
    starts: Longs  # (tiles + 1,)
    order: Integers  # (M,)
