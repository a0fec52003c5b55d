"""Where a photo's focal length comes from: the user, EXIF, or a plain assumption. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from PIL.ExifTags import Base

from sharp_cli.errors import SharpError

FULL_FRAME_DIAGONAL = math.hypot(36.0, 24.0)
"""[mm]; what "35 mm equivalent" refers to."""

DEFAULT_MM = 30.0
"""35 mm equivalent where nothing is known."""

EQUIVALENT_MM = (1.0, 10_000.0)
"""Smallest and largest believable 35 mm equivalent."""

SENSOR_DIAGONAL_MM = (1.0, 300.0)
"""Believable sensors, from endoscopes to scanning backs."""

UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""EXIF FocalPlaneResolutionUnit → millimetres; 4 and 5 are TIFF/EP's."""

EXIF_TAGS = (
    Base.FocalLengthIn35mmFilm,
    Base.FocalLength,
    Base.FocalPlaneXResolution,
    Base.FocalPlaneYResolution,
    Base.FocalPlaneResolutionUnit,
    Base.ExifImageWidth,
    Base.ExifImageHeight,
)
"""All that :func:`focal_length` looks at."""


class FocalLength(NamedTuple):
    """A focal length and a short phrase that tells where it comes from."""

    px: float  # pixels of the upright photo
    source: str


@dataclass(frozen=True)
class FocalOverride:
    """What the user knows better than EXIF: at most one of three ways to give a focal length.

    Raises:
        SharpError: more than one is given, or a value no camera can have.
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
            raise SharpError("Give the focal length once: in pixels, in mm, or as a field of view.")
        for value in given.values():
            if not (math.isfinite(value) and value > 0):
                raise SharpError(f"A focal length or field of view must be a number above 0, not {value}.")
        if self.fov is not None and self.fov >= 180:
            raise SharpError(f"A field of view must be below 180 degrees, not {self.fov:g}.")


def mm_to_px(mm: float, width: int, height: int) -> float:
    """35 mm equivalent [mm] to pixels of a width × height photo: equal diagonals (docs/network.md §1)."""
    return mm * math.hypot(width, height) / FULL_FRAME_DIAGONAL


def focal_length(
    width: int, height: int, exif: Mapping[int, Any], override: FocalOverride | None = None
) -> FocalLength:
    """Focal length of a photo, by the first of these that gives a believable value.

    1. What the user gave.
    2. EXIF's 35 mm equivalent.
    3. EXIF's focal length, with the sensor's size from EXIF's focal-plane resolution and picture size.
    4. EXIF's focal length by the published tool's rule: below 10 mm it is a phone's and becomes a 35 mm
       equivalent times 8.4; otherwise it is taken for one.
    5. A 35 mm equivalent of 30 mm.

    Args:
        width: of the upright photo [pixels].
        height: likewise.
        exif: tags by number, as far as the photo has them; their values may be garbage.
        override: the user's word.
    """
    if override is not None and (given := _given(override, width, height)) is not None:
        return given
    for rule in (_equivalent, _on_its_sensor, _published_rule):
        found = rule(exif, width, height)
        if found is not None and EQUIVALENT_MM[0] <= found[0] <= EQUIVALENT_MM[1]:
            return FocalLength(mm_to_px(found[0], width, height), found[1])
    return FocalLength(mm_to_px(DEFAULT_MM, width, height), f"none in EXIF, {DEFAULT_MM:g} mm equivalent assumed")


def _given(override: FocalOverride, width: int, height: int) -> FocalLength | None:
    if override.px is not None:
        return FocalLength(override.px, f"given as {override.px:g} px")
    if override.mm is not None:
        return FocalLength(mm_to_px(override.mm, width, height), f"given as 35 mm equivalent {override.mm:g} mm")
    if override.fov is not None:
        px = width / (2.0 * math.tan(math.radians(override.fov) / 2.0))
        return FocalLength(px, f"given as horizontal field of view {override.fov:g}°")
    return None


def _equivalent(exif: Mapping[int, Any], width: int, height: int) -> tuple[float, str] | None:
    mm = _positive(exif.get(Base.FocalLengthIn35mmFilm))
    return None if mm is None else (mm, f"EXIF 35 mm equivalent {mm:g} mm")


def _on_its_sensor(exif: Mapping[int, Any], width: int, height: int) -> tuple[float, str] | None:
    focal = _positive(exif.get(Base.FocalLength))
    per_unit_x = _positive(exif.get(Base.FocalPlaneXResolution))
    unit = UNIT_MM.get(exif.get(Base.FocalPlaneResolutionUnit, 2))
    if not (focal and per_unit_x and unit):
        return None
    per_unit_y = _positive(exif.get(Base.FocalPlaneYResolution)) or per_unit_x
    sensor = (
        (_positive(exif.get(Base.ExifImageWidth)) or width) / per_unit_x * unit,
        (_positive(exif.get(Base.ExifImageHeight)) or height) / per_unit_y * unit,
    )
    diagonal = math.hypot(*sensor)
    if not SENSOR_DIAGONAL_MM[0] <= diagonal <= SENSOR_DIAGONAL_MM[1]:
        return None
    source = f"EXIF focal length {focal:g} mm on a sensor of {sensor[0]:.1f} × {sensor[1]:.1f} mm"
    return focal * FULL_FRAME_DIAGONAL / diagonal, source


def _published_rule(exif: Mapping[int, Any], width: int, height: int) -> tuple[float, str] | None:
    focal = _positive(exif.get(Base.FocalLength))
    if focal is None:
        return None
    if focal < 10.0:
        return focal * 8.4, f"EXIF focal length {focal:g} mm, times 8.4"
    return focal, f"EXIF focal length {focal:g} mm, taken as 35 mm equivalent"


def _positive(value: Any) -> float | None:
    """An EXIF value as a finite number above 0; None for strings, zero denominators and other garbage."""
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, (bool, str, bytes)):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) and number > 0 else None
