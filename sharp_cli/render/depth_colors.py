"""Depth as colors: near is bright, and equal steps of disparity (1 / depth) look equal.

Colors are computed in OKLab (B. Ottosson, "A perceptual color space for image processing", 2020), where distances are
about as large as they look. Lightness rises evenly from dark blue through red to pale yellow.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.render.pictures import SOLID

LEVELS = 256
DARKEST, LIGHTEST = 0.2, 0.95
"""OKLab lightness of the far and the near end; black is for empty pixels."""
FIRST_HUE, LAST_HUE = 280.0, 465.0  # degrees: blue, through magenta and red, to yellow
CHROMA = 0.19
"""In the middle; the largest round value with every color inside sRGB."""

TO_LMS = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)

QUANTILES = (0.01, 0.99)
MOST_SAMPLES = 2**20
"""More depths than this are subsampled before their quantiles are computed."""


class ColorLimits(NamedTuple):
    """The depths [m] of the brightest and the darkest color; near < far."""

    near: float
    far: float


def color_limits(depths: Tensor) -> ColorLimits:
    """The range of a clip's colors, from depth maps or the z of its Gaussians: all but 1 % at either end.

    Args:
        depths: [m], any shape; values that are not positive and finite (empty pixels) do not count.
    """
    depths = depths.detach().flatten()
    depths = depths[(depths > 0) & depths.isfinite()]
    depths = depths[:: 1 + len(depths) // MOST_SAMPLES].to("cpu", torch.float64)
    if not len(depths):
        return ColorLimits(1.0, 2.0)
    near, far = np.quantile(depths.numpy(), QUANTILES).tolist()
    return ColorLimits(near, max(far, near * 1.01))  # a wall seen head-on still needs two ends


def to_depth_colors(depth: Tensor, alpha: Tensor, limits: ColorLimits) -> npt.NDArray[np.uint8]:
    """(H, W) depth [m] and alpha → (H, W, 3) uint8 sRGB: bright at ``near``, dark at ``far``, black if empty.

    Depths beyond the limits get the color of the limit; pixels with alpha below :data:`SOLID` are empty.
    """
    depth, alpha = (tensor.detach().to("cpu", torch.float32) for tensor in (depth, alpha))
    return depth_table()[depth_places(depth, alpha, limits).numpy()]


def depth_places(depth: Tensor, alpha: Tensor, limits: ColorLimits) -> Tensor:
    """(H, W) depth [m] and alpha → (H, W) int64 rows of :func:`depth_table`, on any device."""
    there = (alpha >= SOLID) & (depth > 0)
    nearest, farthest = 1 / limits.near, 1 / limits.far
    disparity = torch.where(there, depth, limits.far).reciprocal_()
    level = disparity.sub_(farthest).mul_((LEVELS - 1) / (nearest - farthest)).round_().clamp_(0, LEVELS - 1)
    return torch.where(there, level + 1, 0).to(torch.int64)


@cache
def depth_colors() -> npt.NDArray[np.float64]:
    """(256, 3) sRGB in [0, 1], far to near.

    Chroma follows the root of a half sine wave, so that the ends keep some color and the steps stay even.
    """
    t = np.linspace(0, 1, LEVELS)
    lightness = DARKEST + (LIGHTEST - DARKEST) * t
    hue = np.radians(FIRST_HUE + (LAST_HUE - FIRST_HUE) * t)
    chroma = CHROMA * np.sqrt(np.sin(np.pi * (0.05 + 0.9 * t)))
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    linear = (lab @ TO_LMS.T) ** 3 @ TO_RGB.T
    return linear_to_srgb(torch.from_numpy(linear)).numpy()


@cache
def depth_table() -> npt.NDArray[np.uint8]:
    """(257, 3) sRGB: black for empty pixels, then the colors from far to near."""
    return np.concatenate([np.zeros((1, 3)), np.rint(255 * depth_colors())]).astype(np.uint8)
