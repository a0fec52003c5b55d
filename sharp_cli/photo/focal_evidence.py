"""What EXIF says about a photo's focal length, as numbers that are not believed yet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL.ExifTags import Base

UNIT_MM = {1: 25.4, 2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""EXIF FocalPlaneResolutionUnit → mm; 4 and 5 are TIFF/EP's.

EXIF defines only 2 and 3. 1 is TIFF's "no unit"; a focal plane without a unit has no size at all, so whoever writes it
means some unit, and EXIF's default is the inch. As inches it gives the true sensors of the cameras that write it. The
judgment still drops a sensor that cannot be."""

FOCAL_TAGS = (
    Base.Make,
    Base.Model,
    Base.FocalLengthIn35mmFilm,
    Base.FocalLength,
    Base.DigitalZoomRatio,
    Base.FocalPlaneXResolution,
    Base.FocalPlaneYResolution,
    Base.FocalPlaneResolutionUnit,
    Base.ExifImageWidth,
    Base.ExifImageHeight,
    Base.Orientation,
)
"""All that :func:`evidence_from_exif` looks at."""

Size = tuple[float, float]

SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True)
class FocalEvidence:
    """The witnesses. None where a tag is missing or no positive finite number."""

    width: int
    """Of the upright photo [pixels]."""
    height: int
    equivalent_mm: float | None = None
    """FocalLengthIn35mmFilm."""
    focal_mm: float | None = None
    """FocalLength."""
    digital_zoom: float | None = None
    """DigitalZoomRatio; 0 means that there was none."""
    pixels_per_mm: Size | None = None
    """Focal-plane resolution along x and y of the stored picture."""
    canon_sensor_mm: Size | None = None
    """The sensor's size by the terms of Canon's fractions."""
    exif_size: Size | None = None
    """The picture's size by EXIF [pixels], turned like the photo."""
    make: str = ""
    model: str = ""


def evidence_from_exif(width: int, height: int, exif: Mapping[int, Any]) -> FocalEvidence:
    """Collect the evidence about an upright photo of width × height pixels. Garbage counts as missing."""
    per_unit_x = _positive(exif.get(Base.FocalPlaneXResolution))
    per_unit_y = _positive(exif.get(Base.FocalPlaneYResolution)) or per_unit_x
    unit = UNIT_MM.get(_whole(exif.get(Base.FocalPlaneResolutionUnit, 2)))
    stored = (_positive(exif.get(Base.ExifImageWidth)), _positive(exif.get(Base.ExifImageHeight)))
    size = None if stored[0] is None or stored[1] is None else (stored[0], stored[1])
    if size is not None and _is_turned(width, height, size, exif.get(Base.Orientation)):
        size = (size[1], size[0])
    make = _text(exif.get(Base.Make))
    return FocalEvidence(
        width,
        height,
        equivalent_mm=_positive(exif.get(Base.FocalLengthIn35mmFilm)),
        focal_mm=_positive(exif.get(Base.FocalLength)),
        digital_zoom=_positive(exif.get(Base.DigitalZoomRatio)),
        pixels_per_mm=None if not (unit and per_unit_x and per_unit_y) else (per_unit_x / unit, per_unit_y / unit),
        canon_sensor_mm=_canon_sensor(exif) if make.lower().startswith("canon") else None,
        exif_size=size,
        make=make,
        model=_text(exif.get(Base.Model)),
    )


def same_shape(a: Size, b: Size) -> bool:
    """Whether two sizes differ in scale alone, up to a percent of rounding."""
    return abs(a[0] * b[1] - a[1] * b[0]) <= 0.01 * a[0] * b[1] + max(*a, *b)


def _is_turned(width: int, height: int, size: Size, orientation: Any) -> bool:
    """Whether EXIF's size is that of the picture on its side: by its shape, or if that says nothing by the tag."""
    straight, turned = same_shape((width, height), size), same_shape((height, width), size)
    return turned if straight != turned else orientation in SIDEWAYS


def _canon_sensor(exif: Mapping[int, Any]) -> Size | None:
    """Canon writes the resolution as width × 1000 over the sensor's width in thousandths of an inch, not reduced.

    That fraction survives when the picture is resized, while its quotient no longer fits the picture.
    """
    sides = []
    for tag in (Base.FocalPlaneXResolution, Base.FocalPlaneYResolution):
        value = exif.get(tag)
        pixels, mils = getattr(value, "numerator", None), getattr(value, "denominator", None)
        if not (isinstance(pixels, int) and isinstance(mils, int) and pixels > 0 and mils > 0):
            return None
        if pixels % 1000 or not 100 <= pixels // 1000 <= 30_000:
            return None
        sides.append(mils * 0.0254)
    return (sides[0], sides[1]) if 1.1 <= sides[0] / sides[1] <= 2.0 else None


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


def _whole(value: Any) -> int:
    number = _positive(value)
    return 0 if number is None or number > 100 else int(number)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
