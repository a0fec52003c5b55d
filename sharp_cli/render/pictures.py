"""From what the rasterizer returns to pixels of 8 or 16 bits.

Eight bits are sRGB, rounded to the nearest code exactly as the curve in double precision would be. The inverse curve
at the middles between codes gives 255 thresholds; a code is the number of thresholds up to a value. They lie more
than 1/4096 apart, so a value's place among 4096 equal intervals leaves one threshold to compare with.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharp_cli.gaussians.color import srgb_to_linear
from sharp_cli.gaussians.gaussians import Blending
from sharp_cli.runtime.kernels import for_chunks, kernel

Codes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SOLID = 0.5
"""A pixel has a depth if its alpha is at least this."""
MILLIMETERS = 1000
DEEPEST = 65535
"""The largest 16-bit depth [mm]; everything beyond becomes this."""

INTERVALS = 4096
CHUNK = 2**17
"""Pixels a thread takes at a time."""


def _tables(blending: Blending) -> tuple[Codes, Floats]:
    """The code at each interval's lower end; and the smallest float32 of each code from 1, then infinity."""
    middles = (torch.arange(255, dtype=torch.float64) + 0.5) / 255
    exact = (middles if blending == "srgb" else srgb_to_linear(middles)).numpy()
    rounded = exact.astype(np.float32)
    up = np.where(rounded < exact, np.nextafter(rounded, np.float32(2)), rounded)
    thresholds = np.append(up, np.float32(np.inf))
    ends = np.arange(INTERVALS, dtype=np.float32) / INTERVALS
    return np.searchsorted(thresholds, ends, side="right").astype(np.uint8), thresholds


TABLES = {blending: _tables(blending) for blending in get_args(Blending)}


def to_srgb8(color: Tensor, blending: Blending = "linear") -> Codes:
    """(H, W, 3) linear or sRGB-encoded RGB → (H, W, 3) uint8 sRGB, clamped and rounded; NaN becomes 0.

    Args:
        blending: the kind of colors, as :func:`~sharp_cli.render.views.render_views` returns them.
    """
    values = _array(color)
    codes = np.empty(values.shape, np.uint8)
    for_chunks(_encode, values.size, 3 * CHUNK, values.reshape(-1), *TABLES[blending], codes.reshape(-1))
    return codes


def to_rgba8(color: Tensor, alpha: Tensor, blending: Blending = "linear") -> Codes:
    """An image over black and its alpha → (H, W, 4) uint8 with straight alpha, colors in sRGB.

    Colors are divided by alpha as they were blended, then clamped to [0, 1]; if alpha rounds to 0, all four are 0.
    (Most viewers blend the file in sRGB. Soft edges of an image blended in linear light then look a little off.)

    Args:
        color: (H, W, 3) linear or sRGB-encoded RGB over a black background, that is Σ weight · color.
        alpha: (H, W) in [0, 1].
        blending: the kind of colors.

    Raises:
        ValueError: the sizes differ.
    """
    if color.shape != (*alpha.shape, 3):
        raise ValueError(f"an image of shape {tuple(color.shape)} does not fit alpha of {tuple(alpha.shape)}")
    values, opacity = _array(color), _array(alpha)
    codes = np.empty((*opacity.shape, 4), np.uint8)
    arrays = values.reshape(-1, 3), opacity.reshape(-1), *TABLES[blending], codes.reshape(-1, 4)
    for_chunks(_encode_straight, opacity.size, CHUNK, *arrays)
    return codes


def to_depth16(depth: Tensor, alpha: Tensor) -> npt.NDArray[np.uint16]:
    """(H, W) depth [m] → (H, W) uint16 in millimeters, as in RGB-D datasets.

    0 marks empty pixels (alpha below :data:`SOLID`); depths are rounded, and those beyond 65.535 m become 65535.
    """
    meters = _array(depth)
    there = (_array(alpha) >= SOLID) & (meters > 0)
    millimeters = np.clip(np.rint(meters * np.float32(MILLIMETERS)), 1, DEEPEST)
    return np.where(there, millimeters, 0).astype(np.uint16)


def side_by_side(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Put two images of one shape side by side, the left eye's on the left.

    Raises:
        ValueError: their shapes or types differ.
    """
    if left.shape != right.shape or left.dtype != right.dtype:
        raise ValueError(f"{left.shape} {left.dtype} and {right.shape} {right.dtype} do not go side by side")
    return np.concatenate([left, right], axis=1)


def _array(tensor: Tensor) -> Floats:
    return tensor.detach().to("cpu", torch.float32).contiguous().numpy()


@kernel
def _code(value: np.float32, codes: Codes, thresholds: Floats) -> int:
    if value >= 1:
        return 255
    if not value > 0:
        return 0
    code = codes[np.int64(value * np.float32(INTERVALS))]
    return code + 1 if value >= thresholds[code] else code


@kernel
def _encode(start: int, stop: int, values: Floats, codes: Codes, thresholds: Floats, out: Codes) -> None:
    for i in range(start, stop):
        out[i] = _code(values[i], codes, thresholds)


@kernel
def _encode_straight(
    start: int, stop: int, values: Floats, alpha: Floats, codes: Codes, thresholds: Floats, out: Codes
) -> None:
    for i in range(start, stop):
        opacity = min(max(alpha[i], np.float32(0)), np.float32(1))
        code = np.int64(np.float64(opacity) * 255.0 + 0.5)  # in float32 the sum itself would be rounded
        out[i, 3] = code
        for channel in range(3):
            out[i, channel] = _code(values[i, channel] / opacity, codes, thresholds) if code > 0 else 0
