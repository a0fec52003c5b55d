"""A file on disk → upright sRGB pixels and a focal length.

The way of a photo: ``opening`` (errors as sentences) → ``containers`` (which format) → a reader of that format
(``jpeg``, ``png``, ``tiff``, ``boxes``), which gives decoded pixels and ``metadata`` and passes over faults beside the
picture → ``color`` and ``encoding`` (any mode and color space to 8-bit sRGB) → ``orientation`` → ``focal`` (from the
user or, by ``focal_judgment``, from EXIF). ``photo`` puts them together.
"""

from sharp_cli.photo.focal import FocalOverride
from sharp_cli.photo.photo import Photo, as_photo, photo_from_array, photo_from_image, read_photo

__all__ = ["FocalOverride", "Photo", "as_photo", "photo_from_array", "photo_from_image", "read_photo"]
