"""A photo as the network sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

LARGE = 1 << 25
"""Pixels; in floats this many fill 0.4 GB, and a photo of 108 megapixels would fill 1.3 GB, twice on the way."""


def to_square(pixels: NDArray[np.uint8], size: int, device: torch.device) -> Tensor:
    """Resize bilinearly to a square: (1, 3, size, size) in [0, 1], corners aligned, aspect ratio not kept.

    Of large photos only the rows and columns that are read travel to the device and become floats; the values are the
    same up to rounding.

    Args:
        pixels: (H, W, 3) sRGB.
    """
    if pixels.shape[0] * pixels.shape[1] > LARGE:
        return _from_neighbors(pixels, size, device)
    values = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None].float().div_(255.0)
    return F.interpolate(values, size=(size, size), mode="bilinear", align_corners=True)


def _from_neighbors(pixels: NDArray[np.uint8], size: int, device: torch.device) -> Tensor:
    """:func:`to_square` by blending the four neighbors of each result."""
    height, width = pixels.shape[:2]
    above, below, down = _neighbors(height, size)
    left, right, along = (torch.from_numpy(values).to(device) for values in _neighbors(width, size))

    def across(rows: NDArray[Any]) -> Tensor:
        """(size, size, 3) of whole rows, blended along them."""
        row = torch.from_numpy(pixels[rows]).to(device)
        return torch.lerp(row[:, left].float(), row[:, right].float(), along[:, None])

    blended = across(above).lerp_(across(below), torch.from_numpy(down).to(device)[:, None, None])
    return blended.div_(255.0).permute(2, 0, 1)[None]


def _neighbors(length: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """For each of ``size`` results along an axis: the pixels before and after it, and the second one's share."""
    places = np.arange(size) * ((length - 1) / max(size - 1, 1))
    before = np.minimum(places.astype(np.int64), length - 1)
    return before, np.minimum(before + 1, length - 1), (places - before).astype(np.float32)
