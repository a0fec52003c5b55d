"""Sensor sizes of known cameras."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sharp_cli.photo.focal_evidence import FocalEvidence
from sharp_cli.photo.focal_judgment import FocalLength, judge_focal_length
from sharp_cli.photo.sensors import SENSORS, sensor_of


def judged(width: int = 6000, height: int = 4000, **evidence: Any) -> FocalLength:
    return judge_focal_length(FocalEvidence(width, height, **evidence))


@pytest.mark.parametrize(
    ("make", "model", "crop"),
    [
        ("Canon", "Canon EOS 5D Mark II", 1.0),
        ("Canon", "Canon EOS 5DS R", 1.0),
        ("Canon", "Canon EOS 6D", 1.0),
        ("Canon", "Canon EOS R6m2", 1.0),
        ("Canon", "Canon EOS R", 1.0),
        ("Canon", "Canon EOS-1D X Mark II", 1.0),
        ("Canon", "Canon EOS R50", 1.61),
        ("Canon", "Canon EOS R7", 1.61),
        ("Canon", "Canon EOS 60D", 1.61),
        ("Canon", "Canon EOS 350D DIGITAL", 1.61),
        ("Canon", "Canon EOS-1D Mark IV", 1.29),
        ("NIKON CORPORATION", "NIKON D40", 1.53),
        ("NIKON CORPORATION", "NIKON D4S", 1.0),
        ("NIKON CORPORATION", "NIKON D750", 1.0),
        ("NIKON CORPORATION", "NIKON D7500", 1.53),
        ("NIKON CORPORATION", "NIKON Z 50", 1.53),
        ("NIKON CORPORATION", "NIKON Z 6_2", 1.0),
        ("SONY", "ILCE-6000", 1.53),
        ("SONY", "ILCE-7RM4", 1.0),
        ("SONY", "DSC-RX100M3", 2.73),
        ("SONY", "DSC-RX1RM2", 1.0),
        ("FUJIFILM", "X-T30", 1.53),
        ("FUJIFILM", "GFX 50S", 0.79),
        ("Panasonic", "DC-GH5", 2.0),
        ("OLYMPUS CORPORATION", "E-M10MarkII", 2.0),
        ("PENTAX", "PENTAX K-3", 1.53),
        ("RICOH IMAGING COMPANY, LTD.", "PENTAX K-1", 1.0),
        ("RICOH IMAGING COMPANY, LTD.", "RICOH GR III", 1.53),
        ("LEICA CAMERA AG", "LEICA M (Typ 240)", 1.0),
    ],
)
def test_known_sensors(make: str, model: str, crop: float) -> None:
    sensor = sensor_of(make, model)
    assert sensor is not None
    assert math.hypot(36, 24) / math.hypot(*sensor) == pytest.approx(crop, rel=0.01)


@pytest.mark.parametrize(
    ("make", "model"),
    [
        ("", ""),
        ("Apple", "iPhone 12"),
        ("Canon", "Canon PowerShot A620"),
        ("NIKON", "COOLPIX P1000"),
        ("FUJIFILM", "X-S1"),
        ("OLYMPUS OPTICAL CO.,LTD", "E-20,E-20N,E-20P"),
        ("RICOH", "GR DIGITAL 4"),
        ("Acme", "EOS 5D"),
    ],
)
def test_unknown_sensors(make: str, model: str) -> None:
    assert sensor_of(make, model) is None


def test_sensors_are_sensible() -> None:
    for _, _, (width, height) in SENSORS:
        assert 1.2 <= width / height <= 1.6 and 10 <= math.hypot(width, height) <= 60


def test_a_known_sensor_alone_gives_the_focal_length() -> None:
    found = judged(focal_mm=50.0, make="Canon", model="Canon EOS 350D DIGITAL")
    assert found.px == pytest.approx(50 / 22.3 * 6000, rel=0.01) and "EOS 350D" in found.source


def test_a_wide_frame_uses_the_whole_width_of_a_known_sensor() -> None:
    found = judged(6000, 3375, focal_mm=50.0, make="SONY", model="ILCE-7M3")
    assert found.px == pytest.approx(50 / 36 * 6000)
