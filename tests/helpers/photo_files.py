"""Photos as bytes: written by Pillow or by hand, and read back through a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import handmade
import numpy as np
from PIL import Image

from sharp_cli.photo import Photo, read_photo

DEEP = np.array([[0, 1, 128, 129, 256, 257, 300, 32767], [32768, 40000, 65000, 65278, 65279, 65407, 65408, 65535]])
"""Values of 16 bits where rounding to 8 is decided."""
NOISE = np.random.default_rng(13).integers(0, 256, (40, 56, 3), dtype=np.uint8)


def read(folder: Path, data: bytes, **options: Any) -> Photo:
    """The photo in a file of this content."""
    path = folder / "photo"
    path.write_bytes(data)
    return read_photo(path, **options)


def read_pixels(folder: Path, data: bytes, **options: Any) -> np.ndarray:
    """Its pixels."""
    return read(folder, data, **options).pixels


def saved(image: Image.Image, folder: Path, kind: str, **options: Any) -> bytes:
    """What Pillow writes."""
    path = folder / f"saved.{kind}"
    image.save(path, **options)
    return path.read_bytes()


def gray(values: np.ndarray) -> np.ndarray:
    """(H, W) values in three channels."""
    return np.repeat(values[..., None], 3, axis=2)


def blend(colors: np.ndarray, alpha: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    """Colors over a background, as floats."""
    weight = alpha[..., None] / 255
    return colors * weight + np.array(background) * (1 - weight)


def png_of(*extra: bytes, late: bool = False) -> bytes:
    """A PNG of ``NOISE`` with chunks, given as bytes, before or behind its pixels."""
    data = handmade.png(8, 2, NOISE)
    place = data.index(b"IEND") - 4 if late else data.index(b"IDAT") - 4
    return data[:place] + b"".join(extra) + data[place:]
