"""Stereo files that hold two photos: MPO, and pictures with two halves side by side."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from sharp_cli.errors import SharpError
from sharp_cli.photo import FocalOverride, Photo, photo_from_array, photo_from_image, read_photo

WIDE = 2.0
"""Least width over height of a picture that is taken for two side by side."""


def split_stereo(path: Path, focal: FocalOverride | None = None) -> tuple[Photo, Photo]:
    """The left and the right photo of one file.

    Args:
        focal: of each half; else 30 mm equivalent is assumed for pictures side by side.

    Raises:
        SharpError: neither an MPO of two pictures nor twice as wide as high.
    """
    first = read_photo(path, focal=focal)
    second = _second_of_mpo(path)
    if second is not None:
        return first, second
    if first.width < WIDE * first.height:
        raise SharpError(f"cannot split {path}: neither an MPO of two pictures nor two pictures side by side")
    half = first.width // 2
    left, right = (np.ascontiguousarray(part) for part in (first.pixels[:, :half], first.pixels[:, -half:]))
    # EXIF's focal length is judged by the diagonal of a single picture, so it does not hold for two.
    return photo_from_array(left, focal=focal), photo_from_array(right, focal=focal)


def _second_of_mpo(path: Path) -> Photo | None:
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            if image.format != "MPO" or getattr(image, "n_frames", 1) < 2:
                return None
            frames = [frame.copy() for frame in ImageSequence.Iterator(image)]
    except (OSError, ValueError, SyntaxError):
        return None
    sizes = {frame.size for frame in frames[:2]}
    return photo_from_image(frames[1]) if len(sizes) == 1 else None  # else a preview or a gain map
