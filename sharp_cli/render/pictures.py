"""What the rasterizer returns → pixels of 8 or 16 bits.

Eight bits are sRGB, rounded to the nearest code exactly as the curve in double precision would be. The inverse curve
at the middles between codes gives 255 thresholds; a code is the number of thresholds up to a value. They lie more
than 1/4096 apart, so that the value's place among 4096 equal intervals leaves one threshold to compare with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharp_cli.gaussians.color import srgb_to_linear
from sharp_cli.runtime.kernels import for_chunks, kernel

Codes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SOLID = 0.5
"""A pixel has a depth if at least this much of the light behind it is held back."""
MILLIMETRES = 1000
DEEPEST = 65535
"""The largest 16-bit depth [mm]; everything beyond is given as this."""

INTERVALS = 4096
CHUNK = 2**17  # pixels per turn of a thread


def _thresholds() -> Floats:
    """The smallest float32 of each code from 1, then infinity."""
    exact = srgb_to_linear((torch.arange(255, dtype=torch.float64) + 0.5) / 255).numpy()
    rounded = exact.astype(np.float32)
    up = np.where(rounded < exact, np.nextafter(rounded, np.float32(2)), rounded)
    return np.append(up, np.float32(np.inf))


THRESHOLDS = _thresholds()
CODES = np.searchsorted(THRESHOLDS, np.arange(INTERVALS, dtype=np.float32) / INTERVALS, side="right").astype(np.uint8)
"""The code of each interval's lower end."""


def to_srgb8(color: Tensor) -> Codes:
    """(H, W, 3) linear RGB, clamped to [0, 1] → (H, W, 3) uint8 sRGB, rounded; what is not a number becomes 0."""
    linear = _array(color)
    codes = np.empty(linear.shape, np.uint8)
    for_chunks(_encode, linear.size, 3 * CHUNK, linear.reshape(-1), CODES, THRESHOLDS, codes.reshape(-1))
    return codes


def to_rgba8(color: Tensor, alpha: Tensor) -> Codes:
    """A picture over black and its alpha → (H, W, 4) uint8 with straight alpha, the colours sRGB.

    The colours are divided by alpha in linear light and clamped to [0, 1]; where alpha rounds to 0, all four are 0.
    (Most viewers blend the file in sRGB, where soft edges come out somewhat darker or lighter than in linear light.)

    Args:
        color: (H, W, 3) linear RGB over a black background, that is Σ weight · colour.
        alpha: (H, W) in [0, 1].

    Raises:
        ValueError: sizes that differ.
    """
    if color.shape != (*alpha.shape, 3):
        raise ValueError(f"a picture of shape {tuple(color.shape)} does not fit alpha of {tuple(alpha.shape)}")
    linear, opacity = _array(color), _array(alpha)
    codes = np.empty((*opacity.shape, 4), np.uint8)
    arrays = linear.reshape(-1, 3), opacity.reshape(-1), CODES, THRESHOLDS, codes.reshape(-1, 4)
    for_chunks(_encode_straight, opacity.size, CHUNK, *arrays)
    return codes


def to_depth16(depth: Tensor, alpha: Tensor) -> npt.NDArray[np.uint16]:
    """(H, W) depth [m] → (H, W) uint16 in millimetres, as RGB-D data sets have it.

    0 means that nothing is there (alpha below :data:`SOLID`); depths are rounded, those beyond 65.535 m become 65535.
    """
    metres = _array(depth)
    there = (_array(alpha) >= SOLID) & (metres > 0)
    millimetres = np.clip(np.rint(metres * np.float32(MILLIMETRES)), 1, DEEPEST)
    return np.where(there, millimetres, 0).astype(np.uint16)


def side_by_side(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Two pictures of one shape, the left eye's on the left; ValueError if their shapes or types differ."""
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
def _encode(start: int, stop: int, linear: Floats, codes: Codes, thresholds: Floats, out: Codes) -> None:
    for i in range(start, stop):
        out[i] = _code(linear[i], codes, thresholds)


@kernel
def _encode_straight(
    start: int, stop: int, linear: Floats, alpha: Floats, codes: Codes, thresholds: Floats, out: Codes
) -> None:
    for i in range(start, stop):
        opacity = min(max(alpha[i], np.float32(0)), np.float32(1))
        code = np.int64(np.float64(opacity) * 255.0 + 0.5)  # in float32 the sum itself would be rounded
        out[i, 3] = code
        for channel in range(3):
            out[i, channel] = _code(linear[i, channel] / opacity, codes, thresholds) if code > 0 else 0
