"""A file on disk → upright sRGB pixels and a focal length.

The path of a photo: ``opening`` (which format, and one clear sentence for whatever is wrong with a file) →
``color`` (any pixel mode and colour profile to 8-bit sRGB) → ``focal`` (the user's word or EXIF to pixels).
``photo`` puts them together.
"""

from sharp_cli.photo.focal import FocalOverride
from sharp_cli.photo.photo import Photo, as_photo, photo_from_array, photo_from_image, read_photo

__all__ = ["FocalOverride", "Photo", "as_photo", "photo_from_array", "photo_from_image", "read_photo"]
