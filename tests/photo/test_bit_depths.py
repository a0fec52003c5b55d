"""Photos of 1 to 32 bits and of floats become 8 bits."""

from __future__ import annotations

from pathlib import Path

import handmade
import numpy as np
import pytest
from photo_files import DEEP, blend, gray
from photo_files import read_pixels as read
from PIL import Image

from sharp_cli.photo.color import to_srgb, white_level

RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize("container", ["png", "tiff"])
def test_16_bit_gray_is_rounded(tmp_path: Path, container: str) -> None:
    if container == "png":
        data = handmade.png(16, 0, DEEP[..., None])
    else:
        data = handmade.tiff(8, 2, DEEP.astype("<u2").tobytes(), (16,), photometric=1)
    assert np.array_equal(read(tmp_path, data), gray(np.rint(DEEP / 257).astype(np.uint8)))


def test_every_16_bit_value_is_rounded() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    image, _ = to_srgb(Image.fromarray(values), (0, 0, 0))
    assert np.array_equal(np.asarray(image), gray((values.astype(int) * 2 + 257) // 514))


def test_16_bit_white_is_zero(tmp_path: Path) -> None:
    data = handmade.tiff(8, 2, DEEP.astype("<u2").tobytes(), (16,), photometric=0)
    assert np.array_equal(read(tmp_path, data), gray(np.rint((65535 - DEEP) / 257).astype(np.uint8)))


def test_12_bit_gray_tiff(tmp_path: Path) -> None:
    values = np.array([[0, 100, 2048, 4095]])
    packed = int("".join(f"{value:012b}" for value in values.ravel()), 2).to_bytes(6, "big")
    pixels = read(tmp_path, handmade.tiff(4, 1, packed, (12,), photometric=1))
    assert np.array_equal(pixels, gray(np.rint(values / 4095 * 255).astype(np.uint8)))


@pytest.mark.parametrize("container", ["png", "tiff"])
def test_16_bit_rgb(tmp_path: Path, container: str) -> None:
    values = RANDOM.integers(0, 65536, (6, 8, 3))
    if container == "png":
        data = handmade.png(16, 2, values)
    else:
        data = handmade.tiff(8, 6, values.astype("<u2").tobytes(), (16, 16, 16), photometric=2)
    assert np.abs(read(tmp_path, data) - values / 257).max() <= 1


@pytest.mark.parametrize(("color_type", "channels"), [(4, 2), (6, 4)])
def test_16_bit_with_alpha(tmp_path: Path, color_type: int, channels: int) -> None:
    values = RANDOM.integers(0, 65536, (6, 8, channels))
    colors = np.broadcast_to(values[..., :-1], (6, 8, 3)) / 257
    expected = blend(colors, values[..., -1] / 257, (255, 255, 255))
    assert np.abs(read(tmp_path, handmade.png(16, color_type, values)) - expected).max() <= 2


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_float_tiff(tmp_path: Path, white: float) -> None:
    shades = np.linspace(0, 1, 40, dtype=np.float32).reshape(5, 8)
    pixels = (shades * np.float32(white)).astype("<f4").tobytes()
    data = handmade.tiff(8, 5, pixels, (32,), photometric=1, tag_339=3)
    assert np.abs(read(tmp_path, data) - gray(shades * 255)).max() <= 0.51


def test_floats_beyond_reason() -> None:
    values = np.array([[np.nan, -np.inf, np.inf, -3.0, 0.5, 1.0, 1.5]], np.float32)
    image, _ = to_srgb(Image.fromarray(values), (0, 0, 0))
    assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 255, 0, 128, 255, 255]
    nothing, _ = to_srgb(Image.fromarray(values[:, :1]), (0, 0, 0))
    assert np.array_equal(np.asarray(nothing), np.zeros((1, 1, 3)))
    assert [white_level(np.array([[largest]], np.float32)) for largest in (0.2, 16.0, 17.0)] == [1, 1, 255]


@pytest.mark.parametrize(("largest", "white"), [(255, 255), (256, 65535), (65535, 65535), (70000, 2**31 - 1)])
def test_white_of_whole_numbers(largest: int, white: int) -> None:
    assert white_level(np.array([[-5, largest]], np.int32)) == white


def test_32_bit_tiff(tmp_path: Path) -> None:
    values = np.array([[0, 2**30, 2**31 - 1]], "<i4")
    data = handmade.tiff(3, 1, values.tobytes(), (32,), photometric=1, tag_339=2)
    assert np.array_equal(read(tmp_path, data), gray(np.array([[0, 128, 255]], np.uint8)))


def test_one_bit(tmp_path: Path) -> None:
    data = handmade.tiff(8, 2, bytes([0b10110001, 0b01000000]), (1,), photometric=1)
    bits = np.array([[1, 0, 1, 1, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0, 0, 0]], np.uint8)
    assert np.array_equal(read(tmp_path, data), gray(bits * 255))
