"""Which of EXIF's statements about the focal length to believe. Pure functions over :class:`FocalEvidence`.

The witnesses are the 35 mm tag, the focal length together with a sensor (from Canon's fractions, from the focal-plane
resolution, or from the camera's model), the digital zoom, and the picture's size by EXIF. Those that cannot be, or that
others contradict, are dropped with a note.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sharp_cli.photo.focal_evidence import FocalEvidence, Size, same_shape
from sharp_cli.photo.sensors import sensor_of

FULL_FRAME_DIAGONAL = math.hypot(36.0, 24.0)
"""[mm]; what "35 mm equivalent" refers to."""

DEFAULT_MM = 30.0
"""35 mm equivalent if nothing is known."""

EQUIVALENT_MM = (3.0, 4000.0)
"""35 mm equivalents from 360° cameras to the longest superzooms and telescopes."""
FOCAL_MM = (0.5, 2500.0)
"""Focal lengths from endoscopes to the longest lens with its converter."""
SENSOR_DIAGONAL_MM = (1.0, 150.0)
"""Sensors from endoscopes to scanning backs."""
CROP_FACTOR = (0.25, 20.0)
"""35 mm equivalent over focal length: from large format to the smallest sensors."""
ZOOM = 100.0
"""The most that phones' digital zoom reaches."""
SMALL_LENS_MM = 10.0
"""Shorter focal lengths belong to small sensors; lenses for large ones begin here, but for a few fisheyes."""
SMALL_SENSOR_CROP = 2.5
"""The least crop factor of a camera with such a short lens: a 1" sensor has 2.7."""

AGREEMENT = 1.25
"""How far two sensors or equivalents may differ: equivalents by width and by diagonal differ by up to 1.15."""
CROP_MODE = 2.1
"""Cameras with a crop mode give an equivalent longer than their sensor's, by as much."""

EXPORT_SIDES = frozenset({640, 720, 800, 1024, 1080, 1200, 1280, 1600, 1920, 2048, 2560, 3840})
"""Longer sides that programs scale pictures to; one of these after a crop means that it was scaled too."""


NOT_KNOWN = "none in EXIF"
"""How the source of an assumed focal length begins."""


class FocalLength(NamedTuple):
    """A focal length and where it comes from."""

    px: float
    """Pixels of the upright photo."""
    source: str
    """A short phrase: "EXIF 35 mm equivalent 26 mm"."""
    notes: tuple[str, ...] = ()
    """Which evidence was dropped, and why."""


class Sensor(NamedTuple):
    """Width and height [mm], and how we know."""

    size: Size
    origin: str
    certain: bool
    """Whether it outweighs the 35 mm tag: a focal-plane resolution alone goes stale when a picture is resized."""


def mm_to_px(mm: float, width: float, height: float) -> float:
    """35 mm equivalent [mm] to pixels of a width × height photo: equal diagonals (docs/network.md §1)."""
    return mm * math.hypot(width, height) / FULL_FRAME_DIAGONAL


def judge_focal_length(evidence: FocalEvidence) -> FocalLength:
    """Weigh the evidence about a photo's focal length.

    1. The sensor: by Canon's fractions, by the model, or by the focal-plane resolution, as far as they agree.
    2. The 35 mm tag, unless it is absurd, contradicts the focal length, or contradicts a certain sensor.
    3. Else the focal length on the sensor, times the digital zoom.
    4. Else the focal length by the published tool's rule: below 10 mm it is a phone's and becomes a 35 mm equivalent
       times 8.4; otherwise it is taken for one.
    5. Else a 35 mm equivalent of 30 mm.

    The 35 mm equivalent counts for the whole frame: if EXIF's picture size shows that the photo is a crop of it, the
    focal length in pixels is that of the frame.
    """
    notes: list[str] = []
    frame = _frame(evidence, notes)
    focal = _within(evidence.focal_mm, FOCAL_MM, "focal length", notes)
    zoom = evidence.digital_zoom or 1.0
    if zoom > ZOOM:
        notes.append(f"digital zoom {zoom:g} was ignored (impossible)")
    zoom = zoom if 1.0 < zoom <= ZOOM else 1.0
    sensor = _sensor(evidence, frame, notes) if focal is not None else None
    found = _from_tag(evidence, frame, focal, sensor, zoom, notes)
    if found is None and focal is not None:
        found = _from_focal_length(focal, sensor, frame, zoom)
    if found is None or not EQUIVALENT_MM[0] <= found[0] <= EQUIVALENT_MM[1] * zoom:
        found = (DEFAULT_MM, f"{NOT_KNOWN}, {DEFAULT_MM:g} mm equivalent assumed")
    mm, source = found
    if (evidence.width, evidence.height) != frame:
        source += f", cropped from {frame[0]:.0f} × {frame[1]:.0f} px"
    return FocalLength(mm_to_px(mm, *frame), source, tuple(notes))


def _within(value: float | None, limits: tuple[float, float], what: str, notes: list[str]) -> float | None:
    if value is None or limits[0] <= value <= limits[1]:
        return value
    notes.append(f"EXIF {what} {value:g} mm was ignored (impossible)")
    return None


def _frame(evidence: FocalEvidence, notes: list[str]) -> Size:
    """Size of the whole frame in pixels of the photo, which may be a crop of it."""
    photo = (evidence.width, evidence.height)
    full = evidence.exif_size
    if full is None or same_shape(photo, full):
        return photo
    ratios = (photo[0] / full[0], photo[1] / full[1])
    if max(photo[0] - full[0], photo[1] - full[1]) > 1.0:
        notes.append(f"EXIF size {full[0]:.0f} × {full[1]:.0f} was ignored (it does not contain the photo)")
        return photo
    if max(ratios) < 0.99 and max(photo) in EXPORT_SIDES:
        return (full[0] * max(ratios), full[1] * max(ratios))
    return full


def _sensor(evidence: FocalEvidence, frame: Size, notes: list[str]) -> Sensor | None:
    """The sensor that took the whole frame."""
    known = sensor_of(evidence.make, evidence.model)
    plane = _plane_sensor(evidence, frame)
    witnesses = [(evidence.canon_sensor_mm, True, "Canon's focal-plane fractions"), (plane, False, "focal plane")]
    for size, certain, name in witnesses:
        if size is None:
            continue
        diagonal = math.hypot(*size)
        said = f"{size[0]:.1f} × {size[1]:.1f} mm"
        if not SENSOR_DIAGONAL_MM[0] <= diagonal <= SENSOR_DIAGONAL_MM[1]:
            notes.append(f"the sensor of {diagonal:.3g} mm by the {name} was ignored (impossible)")
        elif known is not None and not _agree(diagonal, math.hypot(*known)):
            notes.append(f"the sensor of {said} by the {name} was ignored (the {evidence.model} has another)")
        else:
            if certain and plane is not None and not _agree(diagonal, math.hypot(*plane)):
                notes.append("the focal-plane resolution was ignored (the photo was resized; Canon's fractions count)")
            return Sensor(size, f"on a sensor of {said}", certain or known is not None)
    if known is None:
        return None
    return Sensor(known, f"on the {known[0]:g} × {known[1]:g} mm sensor of the {evidence.model}", True)


def _plane_sensor(evidence: FocalEvidence, frame: Size) -> Size | None:
    """The sensor by the focal-plane resolution, which belongs to the size that EXIF gives."""
    if evidence.pixels_per_mm is None:
        return None
    x, y = evidence.exif_size or frame
    return (x / evidence.pixels_per_mm[0], y / evidence.pixels_per_mm[1])


def _agree(a: float, b: float) -> bool:
    return 1.0 / AGREEMENT <= a / b <= AGREEMENT


def _from_tag(
    evidence: FocalEvidence, frame: Size, focal: float | None, sensor: Sensor | None, zoom: float, notes: list[str]
) -> tuple[float, str] | None:
    """The 35 mm tag as 35 mm equivalent and source, if it can be believed."""
    mm = evidence.equivalent_mm
    if mm is None:
        return None
    source = f"EXIF 35 mm equivalent {mm:g} mm"
    if focal is not None and sensor is not None and sensor.certain:
        expected = _equivalent_on(sensor, focal, frame)
        if 1.0 / AGREEMENT <= mm / expected <= CROP_MODE * zoom:
            if zoom > 1.0 and _agree(mm, expected) and not _agree(mm, expected * zoom):
                return mm * zoom, f"{source}, digital zoom {zoom:g}"
            return mm, source
        reason = f"{focal:g} mm {sensor.origin} are {expected:.0f} mm"
    elif not EQUIVALENT_MM[0] <= mm <= EQUIVALENT_MM[1] * (zoom if focal else 1.0):
        reason = "impossible"
    elif focal is None:
        return mm, source
    elif mm / focal < CROP_FACTOR[0] and mm >= SMALL_LENS_MM:
        # No sensor is that large; a focal length in tenths or hundredths of a mm is a known fault.
        notes.append(f"EXIF focal length {focal:g} mm was ignored (it contradicts the 35 mm equivalent)")
        return mm, source
    elif not CROP_FACTOR[0] <= mm / focal <= CROP_FACTOR[1] * zoom:
        reason = f"{mm / focal:.3g} times the focal length {focal:g} mm"
    elif focal < SMALL_LENS_MM and mm < 2.0 * focal:
        reason = f"it repeats the focal length {focal:g} mm of a small camera"
    elif focal < SMALL_LENS_MM and mm / focal / zoom < SMALL_SENSOR_CROP and zoom > 1.0:
        return mm * zoom, f"{source}, digital zoom {zoom:g}"
    else:
        if sensor is not None and not _agree(mm, _equivalent_on(sensor, focal, frame) * zoom):
            notes.append("the focal-plane resolution was ignored (it contradicts the 35 mm equivalent)")
        return mm, source
    notes.append(f"{source} was ignored ({reason})")
    return None


def _from_focal_length(focal: float, sensor: Sensor | None, frame: Size, zoom: float) -> tuple[float, str]:
    """35 mm equivalent and source by the lens's focal length."""
    source = f"EXIF focal length {focal:g} mm"
    zoomed = f", digital zoom {zoom:g}" if zoom > 1.0 else ""
    if sensor is not None:
        return _equivalent_on(sensor, focal, frame) * zoom, f"{source} {sensor.origin}{zoomed}"
    if focal < SMALL_LENS_MM:
        return focal * 8.4 * zoom, f"{source}, times 8.4{zoomed}"
    return focal * zoom, f"{source}, taken as 35 mm equivalent{zoomed}"


def _equivalent_on(sensor: Sensor, focal: float, frame: Size) -> float:
    """35 mm equivalent of a lens on a sensor. A frame of another shape is as large as fits into the sensor."""
    frame_sides, sensor_sides = sorted(frame), sorted(sensor.size)
    if same_shape((frame_sides[0], frame_sides[1]), (sensor_sides[0] * 100, sensor_sides[1] * 100)):
        return focal * FULL_FRAME_DIAGONAL / math.hypot(*sensor_sides)
    density = max(frame_sides[0] / sensor_sides[0], frame_sides[1] / sensor_sides[1])
    return focal * density * FULL_FRAME_DIAGONAL / math.hypot(*frame)
