"""Turning the stored picture upright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation → what turns the stored picture upright; 1 and unknown values need nothing."""

SIDEWAYS = frozenset({5, 6, 7, 8})
"""Orientations for which rows of the stored picture become columns."""

FROM_THE_END = frozenset({3, 4, 6, 7})
"""Orientations for which the stored picture's first row becomes the last row or column."""

STRIP_PIXELS = 1 << 18
"""A megabyte, which stays in the cache from one copy to the next."""


def upright_pixels(image: Image.Image, orientation: int) -> NDArray[np.uint8]:
    """Pixels of an RGB image, turned upright strip by strip, because Pillow's own way makes three more copies.

    Args:
        image: mode RGB, as stored.
        orientation: EXIF's, 1 to 8; other values turn nothing.

    Returns:
        (H, W, 3), contiguous and writable.
    """
    turn = TURNS.get(orientation)
    sideways, from_the_end = orientation in SIDEWAYS, orientation in FROM_THE_END
    width, height = image.size
    pixels = np.empty((width, height, 3) if sideways else (height, width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = image.crop((0, top, width, bottom))
        first = height - bottom if from_the_end else top
        part = slice(first, first + bottom - top)
        target = pixels[:, part] if sideways else pixels[part]
        target[:] = np.asarray(strip if turn is None else strip.transpose(turn))
    return pixels
