"""Palettes, transparent colors and alpha become plain sRGB."""

from __future__ import annotations

from pathlib import Path

import handmade
import numpy as np
import pytest
from photo_files import DEEP, blend, gray, saved
from photo_files import read_pixels as read
from PIL import Image

from sharp_cli.photo.color import to_srgb

RANDOM = np.random.default_rng(7)
COLORS = RANDOM.integers(0, 256, (24, 32, 3), dtype=np.uint8)
GRAYS = np.arange(256, dtype=np.uint8).reshape(8, 32)


def test_palette(tmp_path: Path) -> None:
    palette = RANDOM.integers(0, 256, (256, 3), dtype=np.uint8)
    data = handmade.png(8, 3, GRAYS[..., None], ((b"PLTE", palette.tobytes()),))
    assert np.array_equal(read(tmp_path, data), palette[GRAYS])


def test_palette_with_transparency(tmp_path: Path) -> None:
    palette = RANDOM.integers(0, 256, (256, 3), dtype=np.uint8)
    alpha = RANDOM.integers(0, 256, 256, dtype=np.uint8)
    data = handmade.png(8, 3, GRAYS[..., None], ((b"PLTE", palette.tobytes()), (b"tRNS", alpha.tobytes())))
    expected = blend(palette[GRAYS], alpha[GRAYS], (0, 128, 255))
    assert np.abs(read(tmp_path, data, background=(0, 128, 255)) - expected).max() <= 1


def test_gif_with_one_transparent_color(tmp_path: Path) -> None:
    image = Image.frombytes("P", (32, 8), GRAYS.tobytes())
    image.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    pixels = read(tmp_path, saved(image, tmp_path, "gif", transparency=7), background=(255, 0, 0))
    expected = gray(GRAYS)
    expected[GRAYS == 7] = (255, 0, 0)
    assert np.array_equal(pixels, expected)


@pytest.mark.parametrize(("bits", "key"), [(8, 9), (16, 300)])
def test_gray_with_one_transparent_value(tmp_path: Path, bits: int, key: int) -> None:
    values = GRAYS if bits == 8 else DEEP
    data = handmade.png(bits, 0, values[..., None], ((b"tRNS", key.to_bytes(2, "big")),))
    expected = gray(np.rint(values / (1 if bits == 8 else 257)).astype(np.uint8))
    expected[values == key] = (0, 0, 255)
    assert np.array_equal(read(tmp_path, data, background=(0, 0, 255)), expected)


def test_rgb_with_one_transparent_color(tmp_path: Path) -> None:
    colors = COLORS.copy()
    colors[3:6, 4:9] = (1, 2, 3)
    data = handmade.png(8, 2, colors, ((b"tRNS", bytes([0, 1, 0, 2, 0, 3])),))
    colors[3:6, 4:9] = (255, 255, 255)
    assert np.array_equal(read(tmp_path, data), colors)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa", "La"])
def test_alpha_is_blended(mode: str) -> None:
    alpha = RANDOM.integers(0, 256, COLORS.shape[:2], dtype=np.uint8)
    image = Image.fromarray(np.dstack([COLORS, alpha]))
    colors = COLORS.astype(float)
    if mode in ("LA", "La"):
        image = Image.merge("LA", [image.getchannel("G"), image.getchannel("A")])
        colors = gray(COLORS[..., 1]).astype(float)
    if mode == "PA":
        palette = RANDOM.integers(0, 256, (256, 3), dtype=np.uint8)
        indexed = Image.merge("LA", [image.getchannel("R"), image.getchannel("A")])
        image = Image.frombytes("PA", image.size, indexed.tobytes())
        image.putpalette(palette.tobytes())
        colors = palette[COLORS[..., 0]].astype(float)
    if mode in ("RGBa", "La"):
        image = image.convert(mode)
    assert image.mode == mode
    result, note = to_srgb(image, (200, 100, 0))
    assert not note
    # Premultiplied channels have been rounded once already.
    assert np.abs(np.asarray(result) - blend(colors, alpha, (200, 100, 0))).max() <= (2 if mode[-1] == "a" else 1)


def test_alpha_is_white_underneath_by_default(tmp_path: Path) -> None:
    pixels = read(tmp_path, handmade.png(8, 6, np.zeros((2, 2, 4))))
    assert np.array_equal(pixels, np.full((2, 2, 3), 255))


def test_lab_tiff(tmp_path: Path) -> None:
    lab = np.array([[[255, 0, 0], [128, 20, 236], [64, 0, 0]]], np.uint8)  # a and b are signed bytes
    data = handmade.tiff(3, 1, lab.tobytes(), (8, 8, 8), photometric=8)
    truth = np.array([[[100.0, 0, 0], [128 / 2.55, 20, -20], [64 / 2.55, 0, 0]]])
    assert np.abs(read(tmp_path, data) - handmade.lab_to_srgb(truth)).max() <= 2


def test_the_callers_image_is_not_changed() -> None:
    image = Image.fromarray(COLORS)
    image.info["icc_profile"] = handmade.p3_profile()
    to_srgb(image, (0, 0, 0))
    assert np.array_equal(np.asarray(image), COLORS)
