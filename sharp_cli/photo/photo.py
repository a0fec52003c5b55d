"""The photo as the rest of the program sees it: upright sRGB pixels and a focal length."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import IFD, Base

from sharp_cli.errors import SharpError
from sharp_cli.photo.color import to_srgb
from sharp_cli.photo.focal import EXIF_TAGS, FocalOverride, focal_length
from sharp_cli.photo.opening import explain_errors, open_picture

WHITE = (255, 255, 255)

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation → what turns the stored picture upright; 1 and unknown values need nothing."""

ON_THEIR_SIDE = {UPRIGHT[orientation] for orientation in (5, 6, 7, 8)}
"""Rows of the stored picture become columns."""
FROM_THE_END = {UPRIGHT[orientation] for orientation in (3, 4, 6, 7)}
"""The stored picture's first row becomes the last row or column."""

ROUNDING = 1e-3
"""How far floats may leave [0, 1], as they do after resampling."""

STRIP_PIXELS = 1 << 18  # a megabyte: stays in the cache from one copy to the next


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright picture and the focal length of the camera that took it."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) sRGB, 0..255."""
    focal_px: float
    """Focal length in pixels of this width and height."""
    focal_source: str
    """Where it comes from, for logs and files: "EXIF 35 mm equivalent 26 mm"."""
    notes: tuple[str, ...] = ()
    """What was odd about the file though it could be read: "its colour profile was ignored (…)"."""

    @property
    def width(self) -> int:
        """Pixels."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Pixels."""
        return self.pixels.shape[0]


def as_photo(source: str | PathLike[str] | NDArray[Any] | Image.Image | Photo, focal_px: float | None = None) -> Photo:
    """Take whatever a caller has: a file's path, an array, a Pillow image, or a photo that is read already.

    Args:
        focal_px: focal length in pixels of the upright picture, where it is known better than EXIF has it.
    """
    focal = None if focal_px is None else FocalOverride(px=focal_px)
    if isinstance(source, Photo):
        if focal is None:
            return source
        px, told = focal_length(source.width, source.height, {}, focal)
        return replace(source, focal_px=px, focal_source=told)
    if isinstance(source, np.ndarray):
        return photo_from_array(source, focal=focal)
    if isinstance(source, Image.Image):
        return photo_from_image(source, focal=focal)
    return read_photo(source, focal=focal)


def read_photo(
    path: str | PathLike[str], *, focal: FocalOverride | None = None, background: tuple[int, int, int] = WHITE
) -> Photo:
    """Read a picture file: JPEG, PNG, WebP, TIFF, AVIF, BMP, GIF, or HEIC where pillow-heif is installed.

    What counts is the content, not the file's ending. Of several frames or pages the first is taken.

    Args:
        path: a file.
        focal: the focal length, where the user knows better than EXIF (:func:`sharp_cli.photo.focal.focal_length`).
        background: sRGB 0..255, seen through transparent pixels.

    Raises:
        SharpError: the file is missing, damaged, cut short, too large or no picture.
    """
    with open_picture(Path(path)) as image:
        return _develop(image, focal, background)


def photo_from_image(
    image: Image.Image, *, focal: FocalOverride | None = None, background: tuple[int, int, int] = WHITE
) -> Photo:
    """Like :func:`read_photo` for a Pillow image of any mode, whose EXIF and colour profile count too.

    Raises:
        SharpError: a lazily opened image turns out to be damaged.
    """
    with explain_errors(str(getattr(image, "filename", "")) or "The image"):
        return _develop(image, focal, background)


def photo_from_array(array: NDArray[Any], *, focal: FocalOverride | None = None) -> Photo:
    """Take upright sRGB pixels as they are; without ``focal``, a 35 mm equivalent of 30 mm is assumed.

    Args:
        array: (H, W, 3), either uint8 (kept, not copied, if contiguous and writable) or floats in [0, 1].

    Raises:
        SharpError: any other shape, type or range.
    """
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise SharpError(f"A picture needs the shape (height, width, 3), not {array.shape}.")
    if array.dtype.kind == "f":
        if not (array.min() >= -ROUNDING and array.max() <= 1.0 + ROUNDING):
            raise SharpError("A picture of floats needs values in 0..1 without NaN; divide 8-bit values by 255.")
        array = np.rint(array.clip(0.0, 1.0) * 255.0).astype(np.uint8)
    if array.dtype != np.uint8:
        raise SharpError(f"A picture needs uint8 values or floats in 0..1, not {array.dtype}.")
    height, width, _ = array.shape
    px, source = focal_length(width, height, {}, focal)
    return Photo(np.require(array, requirements=["C", "W"]), px, source)


def _develop(image: Image.Image, focal: FocalOverride | None, background: tuple[int, int, int]) -> Photo:
    if image.format == "TIFF":
        with suppress(Exception):
            image.getexif()  # Pillow cannot read it any more once the pixels of a file of several pages are loaded
    image.load()
    exif = _exif(image)  # only now: Pillow turns TIFFs upright by itself and then drops the tag
    colors, note = to_srgb(image, background)
    turn = UPRIGHT.get(exif.get(Base.Orientation, 1))
    pixels = _to_array(colors, turn)
    height, width, _ = pixels.shape
    px, source = focal_length(width, height, exif, focal)
    return Photo(pixels, px, source, (note,) if note else ())


def _exif(image: Image.Image) -> dict[int, Any]:
    """The tags we need, as far as they can be read, wherever the writing program put them."""
    found: dict[int, Any] = {}
    with suppress(Exception):
        exif = image.getexif()
        for tags in (exif, exif.get_ifd(IFD.Exif)):
            for tag in (Base.Orientation, *EXIF_TAGS):
                with suppress(Exception):
                    found.setdefault(tag, tags[tag])
    return found


def _to_array(image: Image.Image, turn: Image.Transpose | None) -> NDArray[np.uint8]:
    """The pixels of an RGB image, turned upright strip by strip: Pillow's own way goes through three more copies."""
    width, height = image.size
    pixels = np.empty((width, height, 3) if turn in ON_THEIR_SIDE else (height, width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = image.crop((0, top, width, bottom))
        first = height - bottom if turn in FROM_THE_END else top
        part = slice(first, first + bottom - top)
        target = pixels[:, part] if turn in ON_THEIR_SIDE else pixels[part]
        target[:] = np.asarray(strip if turn is None else strip.transpose(turn))
    return pixels
