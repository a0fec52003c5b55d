from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import IFDRational

from sharp_cli.errors import SharpError
from sharp_cli.photo.focal import FocalOverride, focal_length, mm_to_px

sizes = st.integers(1, 20_000)
DIAGONAL = math.sqrt(36**2 + 24**2)

garbage = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.booleans(),
    st.just(()),
    st.just(("a", 1)),
    st.integers(-10, 0),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e300, 0.0, -0.0]),
    st.builds(IFDRational, st.integers(-9, 9), st.just(0)),
    st.builds(object),
)
"""What broken writers leave in a tag; none of it is a focal length."""


def test_full_frame_photo() -> None:
    """On a 36 × 24 mm frame the 35 mm equivalent is the focal length: 100 pixels per mm here."""
    assert mm_to_px(50.0, 3600, 2400) == pytest.approx(5000.0)
    assert mm_to_px(50.0, 2400, 3600) == pytest.approx(5000.0)


@given(sizes, sizes, st.floats(3, 4_000))
def test_the_published_formula(width: int, height: int, mm: float) -> None:
    px, source, _ = focal_length(width, height, {Base.FocalLengthIn35mmFilm: mm})
    assert px == pytest.approx(mm * math.sqrt(width**2 + height**2) / DIAGONAL)
    assert source == f"EXIF 35 mm equivalent {mm:g} mm"


@given(sizes, sizes)
def test_nothing_known(width: int, height: int) -> None:
    px, source, _ = focal_length(width, height, {})
    assert px == pytest.approx(30.0 * math.hypot(width, height) / DIAGONAL)
    assert source == "none in EXIF, 30 mm equivalent assumed"


@pytest.mark.parametrize(
    ("focal", "mm", "source"),
    [
        (4.2, 35.28, "EXIF focal length 4.2 mm, times 8.4"),
        (9.99, 83.916, "EXIF focal length 9.99 mm, times 8.4"),
        (10.0, 10.0, "EXIF focal length 10 mm, taken as 35 mm equivalent"),
        (50.0, 50.0, "EXIF focal length 50 mm, taken as 35 mm equivalent"),
        (IFDRational(42, 10), 35.28, "EXIF focal length 4.2 mm, times 8.4"),
    ],
)
def test_the_published_rule(focal: Any, mm: float, source: str) -> None:
    px, said, _ = focal_length(3600, 2400, {Base.FocalLength: focal})
    assert px == pytest.approx(mm * 100)
    assert said == source


@pytest.mark.parametrize(("unit", "per_mm"), [(None, 1 / 25.4), (2, 1 / 25.4), (3, 1 / 10), (4, 1.0), (5, 1000.0)])
def test_sensor_from_the_focal_plane(unit: int | None, per_mm: float) -> None:
    """A 22.5 × 15 mm sensor with 200 pixels per mm: 50 mm are 10,000 of its pixels, whatever the unit."""
    exif = {
        Base.FocalLength: 50.0,
        Base.FocalPlaneXResolution: 200 / per_mm,
        Base.FocalPlaneYResolution: 200 / per_mm,
        Base.ExifImageWidth: 4500,
        Base.ExifImageHeight: 3000,
    }
    if unit is not None:
        exif[Base.FocalPlaneResolutionUnit] = unit
    px, source, _ = focal_length(4500, 3000, exif)
    assert px == pytest.approx(10_000.0)
    assert source == "EXIF focal length 50 mm on a sensor of 22.5 × 15.0 mm"
    assert focal_length(2250, 1500, exif).px == pytest.approx(5_000.0)  # the photo was made smaller later
    assert focal_length(3000, 4500, exif).px == pytest.approx(10_000.0)  # and turned upright
    del exif[Base.ExifImageWidth], exif[Base.ExifImageHeight], exif[Base.FocalPlaneYResolution]
    assert focal_length(4500, 3000, exif).px == pytest.approx(10_000.0)


def test_an_impossible_sensor_is_not_believed() -> None:
    exif = {Base.FocalLength: 50.0, Base.FocalPlaneXResolution: 1.0, Base.ExifImageWidth: 6000}
    assert focal_length(6000, 4000, exif).source == "EXIF focal length 50 mm, taken as 35 mm equivalent"
    exif[Base.FocalPlaneXResolution] = 1e9
    assert focal_length(6000, 4000, exif).source == "EXIF focal length 50 mm, taken as 35 mm equivalent"


@pytest.mark.parametrize("unit", [0, 6, 99, "cm"])
def test_an_unknown_unit_is_not_believed(unit: Any) -> None:
    exif = {Base.FocalLength: 50.0, Base.FocalPlaneXResolution: 5000.0, Base.FocalPlaneResolutionUnit: unit}
    assert focal_length(6000, 4000, exif).source == "EXIF focal length 50 mm, taken as 35 mm equivalent"


def test_each_rule_goes_before_the_next() -> None:
    exif: dict[int, Any] = {
        Base.FocalLengthIn35mmFilm: 26,
        Base.FocalLength: 5.0,
        Base.FocalPlaneXResolution: 25_400.0,
        Base.FocalPlaneYResolution: 25_400.0,
    }
    override = FocalOverride(px=1234.0)
    assert focal_length(4000, 3000, exif, override) == (1234.0, "given as 1234 px", ())
    assert focal_length(4000, 3000, exif, FocalOverride()).source == "EXIF 35 mm equivalent 26 mm"
    del exif[Base.FocalLengthIn35mmFilm]
    assert focal_length(4000, 3000, exif).source == "EXIF focal length 5 mm on a sensor of 4.0 × 3.0 mm"
    del exif[Base.FocalPlaneXResolution]
    assert focal_length(4000, 3000, exif).source == "EXIF focal length 5 mm, times 8.4"
    del exif[Base.FocalLength]
    assert focal_length(4000, 3000, exif).source == "none in EXIF, 30 mm equivalent assumed"


@given(garbage, garbage, garbage)
def test_garbage_falls_through(equivalent: Any, focal: Any, plane: Any) -> None:
    exif = {Base.FocalLengthIn35mmFilm: equivalent, Base.FocalLength: focal, Base.FocalPlaneXResolution: plane}
    assert focal_length(300, 200, exif).source == "none in EXIF, 30 mm equivalent assumed"
    exif[Base.FocalLength] = 5.0
    assert focal_length(300, 200, exif).source.startswith("EXIF focal length 5 mm")


@given(st.dictionaries(st.sampled_from(list(Base)), garbage | st.floats() | st.integers(0, 2**32)), sizes, sizes)
def test_always_a_positive_number(exif: dict[int, Any], width: int, height: int) -> None:
    px, source, _ = focal_length(width, height, exif)
    assert math.isfinite(px) and px > 0 and source


def test_given_equivalent() -> None:
    assert focal_length(3600, 2400, {}, FocalOverride(mm=28.0)) == (
        pytest.approx(2800.0),
        "given as 35 mm equivalent 28 mm",
        (),
    )


@given(st.floats(1, 179), sizes, sizes)
def test_given_field_of_view_is_the_pictures_width(fov: float, width: int, height: int) -> None:
    px, source, _ = focal_length(width, height, {}, FocalOverride(fov=fov))
    assert 2 * math.degrees(math.atan2(width / 2, px)) == pytest.approx(fov)
    assert source == f"given as horizontal field of view {fov:g}°"


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("kind", ["px", "mm", "fov"])
def test_impossible_words(kind: str, value: float) -> None:
    with pytest.raises(SharpError, match="above 0"):
        FocalOverride(**{kind: value})


def test_a_field_of_view_of_180_degrees_is_refused() -> None:
    with pytest.raises(SharpError, match="below 180"):
        FocalOverride(fov=180.0)


def test_only_one_word() -> None:
    with pytest.raises(SharpError, match="once"):
        FocalOverride(px=1000.0, fov=60.0)
