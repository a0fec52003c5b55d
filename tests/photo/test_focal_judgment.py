"""Several witnesses of a focal length, one judgment."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import handmade
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import IFDRational

from sharp_cli.photo.exif import read_exif_block
from sharp_cli.photo.focal import focal_length, mm_to_px
from sharp_cli.photo.focal_evidence import FocalEvidence
from sharp_cli.photo.focal_judgment import FocalLength, judge_focal_length


def judged(width: int = 6000, height: int = 4000, **evidence: Any) -> FocalLength:
    return judge_focal_length(FocalEvidence(width, height, **evidence))


def mm(found: FocalLength, width: int = 6000, height: int = 4000) -> float:
    return found.px / mm_to_px(1.0, width, height)


CANON_R = {
    Base.Make: "Canon",
    Base.FocalLength: IFDRational(50, 1),
    Base.FocalPlaneXResolution: IFDRational(5616000, 1417),
    Base.FocalPlaneYResolution: IFDRational(3744000, 945),
    Base.FocalPlaneResolutionUnit: 2,
}

# The 35 mm tag


@pytest.mark.parametrize("tag", [6062.0, 9920.0, 1.0, 0.2, 65535.0])
def test_an_impossible_equivalent_is_dropped(tag: float) -> None:
    found = judged(equivalent_mm=tag, focal_mm=5.8)
    assert mm(found) == pytest.approx(5.8 * 8.4) and "ignored" in found.notes[0]
    assert mm(judged(equivalent_mm=tag)) == pytest.approx(30.0)


@pytest.mark.parametrize("tag", [6.0, 5.8, 400.0])
def test_an_equivalent_that_no_sensor_explains_is_dropped(tag: float) -> None:
    found = judged(equivalent_mm=tag, focal_mm=5.8)
    assert mm(found) == pytest.approx(5.8 * 8.4) and len(found.notes) == 1


@pytest.mark.parametrize("focal", [425.0, 4250.0])
def test_a_focal_length_that_no_sensor_explains_is_dropped(focal: float) -> None:
    found = judged(equivalent_mm=26.0, focal_mm=focal)
    assert mm(found) == pytest.approx(26.0) and f"{focal:g}" in found.notes[0]


def test_an_equivalent_that_repeats_the_focal_length_of_a_known_camera_is_dropped() -> None:
    found = judged(equivalent_mm=50.0, focal_mm=50.0, make="NIKON CORPORATION", model="NIKON D90")
    assert mm(found) == pytest.approx(76.7, rel=0.01) and "NIKON D90" in found.notes[0]


@pytest.mark.parametrize(
    ("make", "model", "focal", "tag"),
    [
        ("NIKON CORPORATION", "NIKON D90", 50.0, 75.0),
        ("NIKON CORPORATION", "NIKON D850", 50.0, 75.0),  # in its crop mode
        ("SONY", "ILCE-7M3", 28.0, 28.0),
        ("Panasonic", "DMC-GF1", 20.0, 40.0),
        ("FUJIFILM", "X-T3", 23.0, 35.0),
        ("Apple", "iPhone 12", 4.2, 26.0),
        ("Google", "Pixel 8", 6.9, 25.0),
        ("samsung", "SM-G998B", 30.6, 240.0),
    ],
)
def test_sound_tags_are_believed(make: str, model: str, focal: float, tag: float) -> None:
    found = judged(equivalent_mm=tag, focal_mm=focal, make=make, model=model)
    assert mm(found) == pytest.approx(tag) and found.notes == ()


# Focal plane


@pytest.mark.parametrize("size", [(5616, 3744), (1024, 683), (683, 1024), (300, 200)])
def test_canons_fractions_survive_a_resize(size: tuple[int, int]) -> None:
    exif = CANON_R | {Base.ExifImageWidth: size[0], Base.ExifImageHeight: size[1]}
    for tags in (CANON_R, exif):
        found = focal_length(*size, tags)
        assert found.px == pytest.approx(50 / 36 * max(size), rel=0.01)
    assert bool(found.notes) == (max(size) != 5616)


def test_fractions_of_other_makes_are_plain_numbers() -> None:
    found = focal_length(5616, 3744, CANON_R | {Base.Make: "NIKON CORPORATION"})
    assert found.px == pytest.approx(50 / 36 * 5616, rel=0.01)
    assert focal_length(1024, 683, CANON_R | {Base.Make: "Kodak"}).px > 5000  # nothing contradicts it


def test_a_stale_plane_of_a_known_camera_is_dropped() -> None:
    """Reduced fractions, as editors write them."""
    plane = (3963.3 / 25.4, 3963.3 / 25.4)
    known = {"make": "Canon", "model": "Canon EOS 5D Mark II"}
    found = judged(1024, 683, focal_mm=50.0, pixels_per_mm=plane, exif_size=(1024, 683), **known)
    assert found.px == pytest.approx(1422, rel=0.01) and "another" in found.notes[0]
    found = judged(1024, 683, focal_mm=50.0, pixels_per_mm=plane, exif_size=(5616, 3744), **known)
    assert found.px == pytest.approx(1422, rel=0.01) and found.notes == ()


def test_the_tag_goes_before_a_plane_that_contradicts_it() -> None:
    found = judged(4000, 3000, equivalent_mm=26.0, focal_mm=5.0, pixels_per_mm=(1000.0, 1000.0))
    assert mm(found, 4000, 3000) == pytest.approx(26.0) and "focal-plane" in found.notes[0]


# Digital zoom


@pytest.mark.parametrize(
    ("zoom", "factor"), [(4.0, 4.0), (1.0, 1.0), (0.5, 1.0), (None, 1.0), (100.0, 100.0), (5e5, 1.0)]
)
def test_digital_zoom_multiplies_the_focal_length(zoom: float | None, factor: float) -> None:
    found = judged(focal_mm=4.2, digital_zoom=zoom)
    assert mm(found) == pytest.approx(4.2 * 8.4 * factor)
    assert bool(found.notes) == (zoom == 5e5)


def test_zoom_of_zero_means_no_zoom() -> None:
    for zero in (0, 0.0, IFDRational(0, 0), IFDRational(0, 100)):
        exif = {Base.FocalLength: 4.2, Base.DigitalZoomRatio: zero}
        assert focal_length(6000, 4000, exif).px == focal_length(6000, 4000, {Base.FocalLength: 4.2}).px


def test_equivalents_with_and_without_the_digital_zoom() -> None:
    assert mm(judged(equivalent_mm=104.0, focal_mm=4.2, digital_zoom=4.0)) == pytest.approx(104.0)
    assert mm(judged(equivalent_mm=26.0, focal_mm=4.2, digital_zoom=4.0)) == pytest.approx(104.0)
    known = {"make": "SONY", "model": "ILCE-7M3", "focal_mm": 50.0, "digital_zoom": 2.0}
    assert mm(judged(equivalent_mm=100.0, **known)) == pytest.approx(100.0)
    assert mm(judged(equivalent_mm=50.0, **known)) == pytest.approx(100.0)


# Crops


@pytest.mark.parametrize(
    ("photo", "exif_size", "frame"),
    [
        ((300, 300), (400, 300), (400, 300)),
        ((400, 225), (400, 300), (400, 300)),
        ((1500, 1800), (4000, 3000), (4000, 3000)),  # both axes
        ((3000, 3000), (3000, 4000), (3000, 4000)),
        ((2000, 1500), (4000, 3000), (2000, 1500)),  # only smaller
        ((1600, 1197), (4000, 3000), (1600, 1197)),  # rounded
        ((8000, 6000), (4000, 3000), (8000, 6000)),  # only larger
        ((1080, 1080), (4000, 3000), (1440, 1080)),  # cropped, then scaled for the web
        ((1920, 1080), (4000, 3000), (1920, 1440)),
        ((5000, 300), (400, 300), (5000, 300)),  # EXIF of something else
    ],
)
def test_the_frame_that_a_photo_was_cut_from(
    photo: tuple[int, int], exif_size: tuple[float, float], frame: tuple[int, int]
) -> None:
    found = judged(*photo, equivalent_mm=26.0, exif_size=exif_size)
    assert found.px == pytest.approx(mm_to_px(26.0, *frame))
    assert ("cropped" in found.source) == (frame != photo)
    assert bool(found.notes) == (photo == (5000, 300))


@pytest.mark.parametrize("orientation", [None, 1, 6])
def test_exif_size_of_a_picture_on_its_side(orientation: int | None) -> None:
    exif = {Base.FocalLengthIn35mmFilm: 26, Base.ExifImageWidth: 4000, Base.ExifImageHeight: 3000}
    exif |= {} if orientation is None else {Base.Orientation: orientation}
    assert focal_length(3000, 4000, exif).source == "EXIF 35 mm equivalent 26 mm"
    assert focal_length(3000, 3000, exif).px == pytest.approx(mm_to_px(26, 4000, 3000))
    upright = (2000, 3000) if orientation == 6 else (3000, 2000)
    assert focal_length(*upright, exif).px == pytest.approx(mm_to_px(26, 4000, 3000))


# All of it

numbers = st.none() | st.floats(1e-6, 1e9)
pairs = st.none() | st.tuples(st.floats(1e-6, 1e9), st.floats(1e-6, 1e9))
evidences = st.builds(
    FocalEvidence,
    st.integers(1, 50_000),
    st.integers(1, 50_000),
    equivalent_mm=numbers,
    focal_mm=numbers,
    digital_zoom=numbers,
    pixels_per_mm=pairs,
    canon_sensor_mm=pairs,
    exif_size=pairs,
    make=st.sampled_from(["", "Canon", "SONY", "NIKON CORPORATION"]),
    model=st.sampled_from(["", "Canon EOS 5D", "ILCE-6000", "NIKON D90", "nonsense"]),
)


@settings(derandomize=True, max_examples=500)
@given(evidences)
def test_any_evidence_gives_a_believable_focal_length(evidence: FocalEvidence) -> None:
    found = judge_focal_length(evidence)
    frame = max(math.hypot(evidence.width, evidence.height), math.hypot(*(evidence.exif_size or (0, 0))))
    assert 0 < found.px <= mm_to_px(4000 * 100, frame, 0) and found.source
    assert found.px >= mm_to_px(3.0, evidence.width, evidence.height) * 0.999


@settings(derandomize=True, max_examples=200)
@given(evidences, st.integers(2, 5))
def test_a_photo_made_larger_sees_the_same(evidence: FocalEvidence, factor: int) -> None:
    """Everything in EXIF kept but for its size, which the program updated."""
    size = (float(evidence.width), float(evidence.height))
    before = replace(evidence, exif_size=size, pixels_per_mm=None)
    after = replace(
        before,
        width=evidence.width * factor,
        height=evidence.height * factor,
        exif_size=(size[0] * factor, size[1] * factor),
    )
    assert judge_focal_length(after).px == pytest.approx(judge_focal_length(before).px * factor)


# Through EXIF's bytes


@pytest.mark.parametrize("order", ["<", ">"])
def test_bytes_in_either_order(order: str) -> None:
    block = handmade.exif(
        {Base.Make: "Canon", Base.Model: "Canon EOS 5D Mark II"},
        {
            Base.FocalLength: (50, 1),
            Base.FocalPlaneXResolution: (5616000, 1417),
            Base.FocalPlaneYResolution: (3744000, 945),
            Base.FocalPlaneResolutionUnit: 2,
        },
        {1: "R98"},
        order,
    )
    exif = read_exif_block(b"Exif\0\0" + block)
    assert exif[Base.FocalPlaneXResolution].denominator == 1417 and exif[1] == "R98"
    assert focal_length(1024, 683, exif).px == pytest.approx(1422, rel=0.005)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("stray", [0, 7, 10**6, 2**32 - 1])
def test_a_stray_offset_costs_only_its_tag(order: str, stray: int) -> None:
    camera = {Base.FocalLength: (42, 10), Base.FocalLengthIn35mmFilm: 26, Base.UserComment: b"x" * 20}
    block = handmade.exif({Base.Orientation: 6}, camera, order=order, stray={Base.UserComment: stray})
    exif = read_exif_block(block)
    assert exif[Base.Orientation] == 6 and float(exif[Base.FocalLength]) == 4.2
    block = handmade.exif({Base.Orientation: 6}, camera, order=order, stray={Base.FocalLength: 10**6})
    assert focal_length(400, 300, read_exif_block(block)).source == "EXIF 35 mm equivalent 26 mm"


@pytest.mark.parametrize("value", [(0, 0), (50, 0), (0, 1)])
def test_fractions_that_are_not_numbers(value: tuple[int, int]) -> None:
    exif = read_exif_block(handmade.exif({}, {Base.FocalLength: value, Base.FocalLengthIn35mmFilm: 0}))
    assert focal_length(400, 300, exif).source.startswith("none in EXIF")
