"""Pixels of 8 and 16 bits made on the device that rendered them: a quarter of the bytes leave it, or an eighth.

The same codes as :mod:`~sharp_cli.render.pictures` and :mod:`~sharp_cli.render.depth_colors` give on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.gaussians.gaussians import Blending
from sharp_cli.render.depth_colors import ColorLimits, depth_places, depth_table
from sharp_cli.render.encode import Frame
from sharp_cli.render.pictures import DEEPEST, MILLIMETERS, SOLID, TABLES, side_by_side
from sharp_cli.runtime.transfers import start_copy

RED, GREEN, BLUE = 0.2126, 0.7152, 0.0722
"""Of luma in ITU-R BT.709."""
BLACK, LUMA_STEPS = 16, 219
GRAY, CHROMA_STEPS = 128, 224
"""The codes of limited range."""


def srgb8(color: Tensor, blending: Blending) -> Tensor:
    """:func:`~sharp_cli.render.pictures.to_srgb8`, on the device."""
    thresholds = torch.from_numpy(TABLES[blending][1][:-1]).to(color.device)
    codes = torch.bucketize(color.float().nan_to_num(nan=0.0), thresholds, right=True, out_int32=True)
    return codes.to(torch.uint8)


def rgba8(color: Tensor, alpha: Tensor, blending: Blending) -> Tensor:
    """:func:`~sharp_cli.render.pictures.to_rgba8`, on the device."""
    opacity = alpha.float().clamp(0, 1)
    codes = (opacity.double() * 255 + 0.5).to(torch.uint8)[..., None]  # in float32 the sum itself would be rounded
    straight = srgb8(color.float() / opacity[..., None], blending)
    return torch.cat([torch.where(codes > 0, straight, 0), codes], dim=2)


def depth16(depth: Tensor, alpha: Tensor) -> Tensor:
    """:func:`~sharp_cli.render.pictures.to_depth16`, on the device; its bits in int16."""
    millimeters = (depth.float() * MILLIMETERS).round().clamp(1, DEEPEST)
    there = (alpha >= SOLID) & (depth > 0)
    return torch.where(there, millimeters, 0).to(torch.int32).to(torch.int16)


def depth_colors8(depth: Tensor, alpha: Tensor, limits: ColorLimits) -> Tensor:
    """:func:`~sharp_cli.render.depth_colors.to_depth_colors`, on the device."""
    return torch.from_numpy(depth_table()).to(depth.device)[depth_places(depth, alpha, limits)]


def planes(codes: Tensor) -> Tensor:
    """An sRGB picture as H.264 takes it: Y'CbCr of BT.709 in limited range, with colors at half resolution.

    Args:
        codes: (H, W, 3) uint8; odd sides get one more row or column, a copy of the last.

    Returns:
        (H · 3/2, W) uint8: the rows of Y, then all of Cb, then all of Cr.
    """
    height, width = codes.shape[:2]
    picture = codes.permute(2, 0, 1)[None].float()
    picture = F.pad(picture, (0, width % 2, 0, height % 2), mode="replicate")
    luma, blue, red = _ycbcr(picture)
    halves = F.avg_pool2d(torch.cat([blue, red], dim=1), 2)
    values = torch.cat([luma.flatten(), halves.flatten()]).add_(0.5).clamp_(0, 255)
    return values.to(torch.uint8).view(-1, picture.shape[3])


def _ycbcr(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r, g, b = (picture[:, i : i + 1] / 255 for i in range(3))
    luma = RED * r + GREEN * g + BLUE * b
    blue, red = (b - luma) / (2 - 2 * BLUE), (r - luma) / (2 - 2 * RED)  # in [-1/2, 1/2]
    return BLACK + LUMA_STEPS * luma, GRAY + CHROMA_STEPS * blue, GRAY + CHROMA_STEPS * red


def start_frame(pictures: Sequence[Any], planar: bool) -> Callable[[], Frame]:
    """Begin to bring a picture, or two side by side, to the encoder; the function returned waits for it.

    Args:
        pictures: arrays, which are there already, or tensors on a device.
        planar: convert RGB on a device to :func:`planes`.
    """
    if isinstance(pictures[0], np.ndarray):
        frame: Frame = pictures[0] if len(pictures) == 1 else side_by_side(*pictures)
        return lambda: frame
    joined = torch.cat(list(pictures), dim=1)
    arriving = start_copy(planes(joined) if planar else joined)

    def wait() -> Frame:
        array = arriving().numpy()
        return array.view(np.uint16) if array.dtype == np.int16 else array

    return wait
