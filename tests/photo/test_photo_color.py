"""Color profiles and CMYK become sRGB."""

from __future__ import annotations

from pathlib import Path

import handmade
import numpy as np
import pytest
from photo_files import blend, gray, saved
from photo_files import read_pixels as read
from PIL import Image

from sharp_cli.photo import read_photo

RANDOM = np.random.default_rng(7)
COLORS = RANDOM.integers(0, 256, (24, 32, 3), dtype=np.uint8)
GRAYS = np.arange(256, dtype=np.uint8).reshape(8, 32)


# Profiles


@pytest.mark.parametrize(
    ("kind", "options"),
    [("png", {}), ("tiff", {}), ("webp", {"lossless": True}), ("tiff", {"compression": "tiff_lzw"})],
)
def test_display_p3_is_converted(tmp_path: Path, kind: str, options: dict[str, object]) -> None:
    data = saved(Image.fromarray(COLORS), tmp_path, kind, icc_profile=handmade.p3_profile(), **options)
    expected = handmade.p3_to_srgb(COLORS)
    assert np.abs(expected - COLORS).max() > 20
    assert np.abs(read(tmp_path, data) - expected).max() <= 2


@pytest.mark.parametrize("kind", ["jpeg", "avif"])
def test_display_p3_in_lossy_formats(tmp_path: Path, kind: str) -> None:
    flat = np.empty((32, 32, 3), np.uint8)
    flat[:] = (60, 200, 90)
    data = saved(Image.fromarray(flat), tmp_path, kind, icc_profile=handmade.p3_profile(), quality=100)
    assert np.abs(read(tmp_path, data) - handmade.p3_to_srgb(flat)).max() <= 4


def test_display_p3_under_transparency(tmp_path: Path) -> None:
    alpha = RANDOM.integers(0, 256, COLORS.shape[:2], dtype=np.uint8)
    image = Image.fromarray(np.dstack([COLORS, alpha]))
    data = saved(image, tmp_path, "png", icc_profile=handmade.p3_profile())
    expected = blend(handmade.p3_to_srgb(COLORS), alpha, (10, 200, 30))
    assert np.abs(read(tmp_path, data, background=(10, 200, 30)) - expected).max() <= 2


def test_display_p3_of_a_palette(tmp_path: Path) -> None:
    image = Image.fromarray(GRAYS)
    image = Image.frombytes("P", image.size, image.tobytes())
    palette = RANDOM.integers(0, 256, (256, 3), dtype=np.uint8)
    image.putpalette(palette.tobytes())
    data = saved(image, tmp_path, "png", icc_profile=handmade.p3_profile())
    assert np.abs(read(tmp_path, data) - handmade.p3_to_srgb(palette[GRAYS])).max() <= 2


def test_gray_profile(tmp_path: Path) -> None:
    data = saved(Image.fromarray(GRAYS), tmp_path, "png", icc_profile=handmade.gray_profile(1.8))
    expected = gray(255 * handmade.srgb_encode((GRAYS / 255) ** 1.796875))  # 1.8 in the profile's 8 bits
    assert np.abs(expected - gray(GRAYS)).max() > 10
    assert np.abs(read(tmp_path, data) - expected).max() <= 2


def test_rgb_profile_on_a_gray_picture(tmp_path: Path) -> None:
    data = saved(Image.fromarray(GRAYS), tmp_path, "png", icc_profile=handmade.p3_profile())
    assert np.abs(read(tmp_path, data).astype(int) - gray(GRAYS)).max() <= 1


def test_gray_profile_with_alpha_and_16_bits(tmp_path: Path) -> None:
    alpha = np.full_like(GRAYS, 128)
    plain = saved(Image.fromarray(GRAYS), tmp_path, "png", icc_profile=handmade.gray_profile(1.8))
    with_alpha = Image.merge("LA", [Image.fromarray(GRAYS), Image.fromarray(alpha)])
    mixed = saved(with_alpha, tmp_path, "png", icc_profile=handmade.gray_profile(1.8))
    deep = saved(
        Image.fromarray(GRAYS.astype(np.uint16) * 257), tmp_path, "png", icc_profile=handmade.gray_profile(1.8)
    )
    expected = read(tmp_path, plain)
    assert np.array_equal(read(tmp_path, deep), expected)
    assert np.abs(read(tmp_path, mixed) - blend(expected, alpha, (255, 255, 255))).max() <= 1


def test_cmyk_profile(tmp_path: Path) -> None:
    inks = RANDOM.integers(0, 256, (16, 32, 4), dtype=np.uint8)
    data = saved(
        Image.frombytes("CMYK", (32, 16), inks.tobytes()), tmp_path, "tiff", icc_profile=handmade.cmyk_profile()
    )
    error = np.abs(read(tmp_path, data) - handmade.lab_to_srgb(handmade.ink_to_lab(inks / 255)))
    assert error.max() <= 4 and error.mean() <= 0.6  # four-dimensional tables are interpolated coarsely


def test_an_srgb_profile_leaves_every_value_alone(tmp_path: Path) -> None:
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(Image.fromarray(COLORS), tmp_path, "png", icc_profile=srgb)
    assert np.array_equal(read(tmp_path, data), COLORS)


@pytest.mark.parametrize(
    "profile",
    [b"nonsense", handmade.p3_profile()[:200], handmade.cmyk_profile(), handmade.gray_profile(2.2)],
    ids=["nonsense", "cut", "cmyk", "gray"],
)
def test_a_profile_that_does_not_fit_is_ignored_with_a_note(tmp_path: Path, profile: bytes) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(COLORS).save(path, icc_profile=profile)
    photo = read_photo(path)
    assert np.array_equal(photo.pixels, COLORS)
    assert len(photo.notes) == 1 and "color profile was ignored" in photo.notes[0]


# CMYK without a profile


@pytest.mark.parametrize("adobe_transform", [0, 2])
def test_adobe_cmyk_jpeg(tmp_path: Path, adobe_transform: int) -> None:
    """Adobe stores 255 minus the ink, as CMYK or (transform 2) as YCbCr of RGB = 255 − CMY, and K."""
    if adobe_transform == 0:
        stored = [(255, 255, 255, 255), (0, 255, 255, 255), (200, 100, 50, 128), (255, 255, 255, 0)]
        inverted = np.array(stored)
    else:
        stored = [(255, 128, 128, 255), (76, 85, 255, 255), (128, 128, 128, 200)]
        y, cb, cr, k = np.array(stored, float).T
        rgb = [y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128)]
        inverted = np.clip(np.stack([255 - rgb[0], 255 - rgb[1], 255 - rgb[2], k], axis=1), 0, 255)
    expected = inverted[:, :3] * inverted[:, 3:] / 255  # light left by the ink and by the black
    pixels = read(tmp_path, handmade.cmyk_jpeg(stored, adobe_transform))
    assert pixels.shape == (8, 8 * len(stored), 3)
    assert np.abs(pixels.reshape(8, len(stored), 8, 3) - expected[None, :, None]).max() <= 2


def test_cmyk_tiff(tmp_path: Path) -> None:
    inks = RANDOM.integers(0, 256, (6, 8, 4), dtype=np.uint8)
    pixels = read(tmp_path, handmade.tiff(8, 6, inks.tobytes(), (8, 8, 8, 8), photometric=5))
    light = 255.0 - inks
    assert np.abs(pixels - light[..., :3] * light[..., 3:] / 255).max() <= 1
