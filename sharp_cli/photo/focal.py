"""A photo's focal length in pixels: given by the user, or judged from EXIF. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sharp_cli.errors import SharpError
from sharp_cli.photo.focal_evidence import evidence_from_exif
from sharp_cli.photo.focal_judgment import FocalLength, judge_focal_length, mm_to_px

__all__ = ["FocalLength", "FocalOverride", "focal_length", "mm_to_px"]


@dataclass(frozen=True)
class FocalOverride:
    """The focal length as the user knows it: at most one of three ways to give it.

    Raises:
        SharpError: more than one is given, or a value that no camera has.
    """

    px: float | None = None
    """Pixels of the upright photo."""
    mm: float | None = None
    """35 mm equivalent [mm]."""
    fov: float | None = None
    """Horizontal field of view of the upright photo [degrees], below 180."""

    def __post_init__(self) -> None:
        given = {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}
        if len(given) > 1:
            raise SharpError("give the focal length only once: in pixels, in mm, or as a field of view")
        for value in given.values():
            if not (math.isfinite(value) and value > 0):
                raise SharpError(f"a focal length or field of view must be a number above 0, not {value}")
        if self.fov is not None and self.fov >= 180:
            raise SharpError(f"a field of view must be below 180 degrees, not {self.fov:g}")


def focal_length(
    width: int, height: int, exif: Mapping[int, Any], override: FocalOverride | None = None
) -> FocalLength:
    """Focal length of a photo: the user's, else what :func:`judge_focal_length` makes of EXIF.

    Args:
        width: of the upright photo [pixels].
        height: likewise.
        exif: tags by number, as far as the photo has them; their values may be garbage.
        override: the user's value.
    """
    if override is not None and (given := _given(override, width, height)) is not None:
        return given
    return judge_focal_length(evidence_from_exif(width, height, exif))


def _given(override: FocalOverride, width: int, height: int) -> FocalLength | None:
    if override.px is not None:
        return FocalLength(override.px, f"given as {override.px:g} px")
    if override.mm is not None:
        return FocalLength(mm_to_px(override.mm, width, height), f"given as 35 mm equivalent {override.mm:g} mm")
    if override.fov is not None:
        px = width / (2.0 * math.tan(math.radians(override.fov) / 2.0))
        return FocalLength(px, f"given as horizontal field of view {override.fov:g}°")
    return None
