"""Pixels of one picture through Pillow, within a bound of memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from PIL.ImageFile import ImageFile

MAX_PIXELS = 300_000_000
"""Larger pictures are refused unread: phones reach 200 megapixels, decompression bombs start beyond."""


TRUNCATED = "file is truncated (re-copy it from its source)"


class PictureError(Exception):
    """Why a picture cannot be read, without its name: ``file is truncated (re-copy it from its source)``."""


def decode(reader: Callable[[BinaryIO], ImageFile], file: BinaryIO) -> ImageFile:
    """Open and decode a picture with one of Pillow's readers.

    Not ``Image.open``: it refuses 200 megapixels, maps files into memory that may shrink meanwhile, and hides why a
    reader gave up.

    Raises:
        PictureError: it is larger than ``MAX_PIXELS``.
        Exception: whatever Pillow raises for a damaged file.
    """
    file.seek(0)
    image = reader(file)
    check_size(*image.size)
    image.load()
    return image


def check_size(width: int, height: int) -> None:
    """Raise a :class:`PictureError` for more than ``MAX_PIXELS``."""
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{width} × {height} pixels are more than {MAX_PIXELS // 10**6} megapixels, the guard against "
            "decompression bombs (scale it down)"
        )
