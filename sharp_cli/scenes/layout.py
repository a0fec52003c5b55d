"""What the tracing kernels share: kinds of shapes, columns of arrays, and the scene as a named group of arrays.

The scene's frame is x right, y up, z forward, in meters, the ground near y = 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int32]

# Shapes, each in its own local frame.
FLAT, BOX, BALL, CONE, BLOB, TERRAIN, ROUND = range(7)
"""FLAT: in the plane z = 0, its outline by the first parameter. BOX: the cube [-1, 1]³. BALL: the unit sphere.
CONE: round the z axis, radius 1 at z = -1 and the first parameter at z = 1; a positive second one closes it.
BLOB: a smooth union of capsules. TERRAIN: heights y over a grid in x and z. ROUND: a box with rounded edges."""
RECTANGLE, DISC, TRIANGLE = 0.0, 1.0, 2.0
"""Outlines of FLAT: |x|, |y| ≤ 1; the unit disc; corners (-1, -1), (1, -1), (0, 1)."""

# fmt: off
# Columns of `materials`. Two textures, each with repeats a meter, offset and rotation, are mixed by a noise.
(
    TEXTURE, REPEAT, SHIFT_U, SHIFT_V, COSINE, SINE, RED, GREEN, BLUE, TINT, CONTRAST,
    TEXTURE_2, REPEAT_2, RED_2, GREEN_2, BLUE_2, MIX_SIZE, MIX_LEVEL,
    PATCHES, PATCH_SIZE, SHINE, GLOSS, EMISSION, HOLES, HOLE_SIZE, FIT_U, FIT_V, PANORAMA,
) = range(28)
MATERIAL_SIZE = 28

# Entries of `light`. The key light stands at a point or, far away, in a direction, and throws shadows.
(
    KEY_X, KEY_Y, KEY_Z, KEY_POINT, KEY_R, KEY_G, KEY_B,
    UP_R, UP_G, UP_B, DOWN_R, DOWN_G, DOWN_B, OCCLUSION, FILL_X, FILL_Y, FILL_Z, FILL_R, FILL_G, FILL_B,
    HAZE, HAZE_R, HAZE_G, HAZE_B, SKY, SKY_TURN, SKY_GAIN,
    ZENITH_R, ZENITH_G, ZENITH_B, HORIZON_R, HORIZON_G, HORIZON_B, CLOUDS, CLOUD_SIZE, CLOUD_SEED, GLOW,
    FOCUS, APERTURE, STAGE_X, STAGE_Y, STAGE_Z,
) = range(42)
LIGHT_SIZE = 42

# Columns of `capsules`. Beyond its reach from its middle, a capsule does not matter to the union that it is in.
(
    START_X, START_Y, START_Z, RADIUS, ALONG_X, ALONG_Y, ALONG_Z, GROWTH, INVERSE_SQUARE,
    MIDDLE_X, MIDDLE_Y, MIDDLE_Z, SQUARE_REACH,
) = range(13)
# fmt: on

TEXTURE_SIDE = 256
LEVELS = 8
"""Mip levels kept of a texture: 256² down to 2²."""


class Textures(NamedTuple):
    """Pictures as sRGB bytes; ``linear`` turns a byte into linear light."""

    texels: Bytes  # (T, texels of all levels, 3)
    means: Floats  # (T, 3) linear
    panoramas: Bytes  # (P, H, W, 3) equirectangular, straight up at row 0
    linear: Floats  # (256,)


class Scene(NamedTuple):
    """N shapes under a tree of boxes in depth-first order: after a miss, go on at ``skip``."""

    nodes: Doubles  # (M, 6) low and high corner
    skip: Integers  # (M,)
    leaf: Integers  # (M,) a shape, or -1
    kinds: Integers  # (N,)
    bounds: Doubles  # (N, 6) low and high corner
    to_local: Doubles  # (N, 3, 4)
    metric: Doubles  # (N, 3) meters a local unit
    params: Doubles  # (N, 4)
    material: Integers  # (N,)
    materials: Doubles  # (K, MATERIAL_SIZE)
    capsules: Doubles  # (C, 13)
    heights: Doubles  # (H,) grids one after another
    occluders: Doubles  # (Q, 4) balls that dim the ambient light: center, radius
    creases: Doubles  # (L, 5) planes that do: normal toward the open side, offset, reach
    light: Doubles  # (LIGHT_SIZE,)
