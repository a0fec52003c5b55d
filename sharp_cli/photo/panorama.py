"""Photo Sphere metadata (GPano in XMP): which part of the sphere around the camera a picture shows.

The tags are documented at https://developers.google.com/streetview/spherical-metadata.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from sharp_cli.photo.exif import XMP_BYTES

_TAG = re.compile(rb"""GPano:(\w{1,40})\s*(?:=\s*["']|>)\s*([^"'<>]{1,40})""")

PROJECTIONS = ("equirectangular", "cylindrical")


@dataclass(frozen=True)
class PanoramaTags:
    """What a picture's GPano tags say; 0 for sizes that they leave out."""

    projection: str
    """Lower case: "equirectangular" or "cylindrical" here; others are kept as they are."""
    full_width: int = 0
    """Pixels that 360° would have."""
    full_height: int = 0
    """Pixels that 180° would have."""
    left: int = 0
    """Pixels of the full picture to the left of this one."""
    top: int = 0
    """Pixels of the full picture above this one."""


def panorama_tags(xmp: bytes) -> PanoramaTags | None:
    """The GPano tags of an XMP packet; None if it has no projection."""
    found: dict[str, str] = {}
    for name, value in _TAG.findall(xmp[:XMP_BYTES]):
        found.setdefault(name.decode("ascii", "replace"), value.decode("ascii", "replace").strip())
    if "ProjectionType" not in found:
        return None
    sizes = {"FullPanoWidthPixels": 0, "FullPanoHeightPixels": 0, "CroppedAreaLeftPixels": 0, "CroppedAreaTopPixels": 0}
    for key in sizes:
        with suppress(ValueError, OverflowError):
            sizes[key] = max(0, int(float(found.get(key, "0"))))
    return PanoramaTags(found["ProjectionType"].lower(), *sizes.values())


def is_two_to_one(width: int, height: int) -> bool:
    """Whether a picture [px] has the shape of one that shows all directions."""
    return abs(width - 2 * height) <= 0.02 * width


def is_all_around(tags: PanoramaTags | None, width: int, height: int) -> bool:
    """Whether a picture [px] shows all directions: twice as wide as high, and equirectangular as its tags say."""
    if tags is None or tags.projection != "equirectangular" or not is_two_to_one(width, height):
        return False
    return tags.full_width == 0 or width >= 0.98 * tags.full_width
