"""The photo as the rest of the package sees it: upright sRGB pixels and a focal length."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import Base

from sharp_cli.errors import SharpError
from sharp_cli.photo.color import to_srgb
from sharp_cli.photo.encoding import from_gamma
from sharp_cli.photo.focal import FocalOverride, focal_length
from sharp_cli.photo.metadata import Metadata
from sharp_cli.photo.opening import explain_errors, open_picture
from sharp_cli.photo.orientation import upright_pixels
from sharp_cli.photo.panorama import PanoramaTags
from sharp_cli.runtime.files import user_path

WHITE = (255, 255, 255)

MOST_NOTES = 12

ROUNDING = 1e-3
"""How far floats may leave [0, 1], as they do after resampling."""


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
    """What was skipped or decided while reading the file: "its color profile was ignored (…)"."""
    panorama: PanoramaTags | None = None
    """Which part of the sphere around the camera it shows, if the file says so."""

    @property
    def width(self) -> int:
        """Pixels."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Pixels."""
        return self.pixels.shape[0]


def as_photo(
    source: str | PathLike[str] | NDArray[Any] | Image.Image | Photo, focal: FocalOverride | None = None
) -> Photo:
    """Make a photo of a file's path, an array, a Pillow image, or a photo that was read already.

    Args:
        focal: the focal length, if it is known better than EXIF has it.
    """
    if isinstance(source, Photo):
        if focal is None:
            return source
        found = focal_length(source.width, source.height, {}, focal)
        return replace(source, focal_px=found.px, focal_source=found.source)
    if isinstance(source, np.ndarray):
        return photo_from_array(source, focal=focal)
    if isinstance(source, Image.Image):
        return photo_from_image(source, focal=focal)
    return read_photo(source, focal=focal)


def read_photo(
    path: str | PathLike[str], *, focal: FocalOverride | None = None, background: tuple[int, int, int] = WHITE
) -> Photo:
    """Read a picture file: JPEG, PNG, WebP, TIFF, AVIF, BMP, GIF, or HEIC if pillow-heif is installed.

    The content decides, not the file's ending. Of several frames or pages the first is read.

    Args:
        path: a file.
        focal: the focal length, if the user knows better than EXIF (:func:`sharp_cli.photo.focal.focal_length`).
        background: sRGB 0..255, seen through transparent pixels.

    Raises:
        SharpError: the file is missing, damaged, truncated, too large, or no picture.
    """
    image, metadata = open_picture(user_path(path))
    with explain_errors(str(path)):
        return _develop(image, metadata, focal, background)


def photo_from_image(
    image: Image.Image, *, focal: FocalOverride | None = None, background: tuple[int, int, int] = WHITE
) -> Photo:
    """Like :func:`read_photo` for a Pillow image of any mode, with its EXIF and color profile.

    Raises:
        SharpError: a lazily opened image turns out to be damaged.
    """
    with explain_errors(str(getattr(image, "filename", "")) or "the image"):
        return _develop(image, _metadata_of(image), focal, background)


def photo_from_array(array: NDArray[Any], *, focal: FocalOverride | None = None) -> Photo:
    """Take upright sRGB pixels as they are; without ``focal``, a 35 mm equivalent of 30 mm is assumed.

    Args:
        array: (H, W, 3), either uint8 (kept, not copied, if contiguous and writable) or floats in [0, 1].

    Raises:
        SharpError: any other shape, type, or range.
    """
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise SharpError(f"a picture needs the shape (height, width, 3), not {array.shape}")
    if array.dtype.kind == "f":
        if not (array.min() >= -ROUNDING and array.max() <= 1.0 + ROUNDING):
            raise SharpError("a picture of floats needs values in 0..1 without NaN (divide 8-bit values by 255)")
        array = np.rint(array.clip(0.0, 1.0) * 255.0).astype(np.uint8)
    if array.dtype != np.uint8:
        raise SharpError(f"a picture needs uint8 values or floats in 0..1, not {array.dtype}")
    height, width, _ = array.shape
    found = focal_length(width, height, {}, focal)
    return Photo(np.require(array, requirements=["C", "W"]), found.px, found.source)


def _develop(
    image: Image.Image, metadata: Metadata, focal: FocalOverride | None, background: tuple[int, int, int]
) -> Photo:
    colors, notes = to_srgb(image, background, metadata)
    pixels = upright_pixels(colors, metadata.orientation)
    height, width, _ = pixels.shape
    found = focal_length(width, height, metadata.exif, focal)
    return Photo(pixels, found.px, found.source, _few([*metadata.notes, *notes, *found.notes]), metadata.panorama)


def _few(notes: list[str]) -> tuple[str, ...]:
    """Each note once, and no more than ``MOST_NOTES``: a damaged file may have a fault in each of its many parts."""
    unique = list(dict.fromkeys(notes))
    more = len(unique) - MOST_NOTES
    return tuple(unique) if more <= 0 else (*unique[:MOST_NOTES], f"and {more} notes more")


def _metadata_of(image: Image.Image) -> Metadata:
    """What a Pillow image, which it loads, says beside its pixels."""
    metadata = Metadata()
    if image.format == "TIFF":
        with suppress(Exception):  # Pillow cannot read it any more once a file of several pages is loaded
            metadata.add_exif(image.getexif().tobytes())
    image.load()
    with suppress(Exception):
        if image.format != "TIFF":
            metadata.add_exif(image.getexif().tobytes())
        # Only now: Pillow turns TIFFs upright while loading, and then drops the tag.
        metadata.orientation = image.getexif().get(Base.Orientation, 1)
    metadata.icc = image.info.get("icc_profile")
    if metadata.icc is None and "srgb" not in image.info:
        with suppress(TypeError, ValueError):
            gamma, chromaticities = image.info.get("gamma"), image.info.get("chromaticity")
            if gamma is not None or chromaticities is not None:
                metadata.encoding = from_gamma(gamma, chromaticities)
        metadata.settle_color()
    return metadata
