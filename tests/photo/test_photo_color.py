from __future__ import annotations

from pathlib import Path

import handmade
import numpy as np
import pytest
from PIL import Image

from sharp_cli.photo import read_photo
from sharp_cli.photo.color import to_srgb, white_level

RANDOM = np.random.default_rng(7)
COLORS = RANDOM.integers(0, 256, (24, 32, 3), dtype=np.uint8)
GRAYS = np.arange(256, dtype=np.uint8).reshape(8, 32)


def read(tmp_path: Path, data: bytes, **options: object) -> np.ndarray:
    path = tmp_path / "photo"
    path.write_bytes(data)
    return read_photo(path, **options).pixels


def saved(image: Image.Image, tmp_path: Path, kind: str, **options: object) -> bytes:
    path = tmp_path / f"saved.{kind}"
    image.save(path, **options)
    return path.read_bytes()


def gray(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2)


def blend(colors: np.ndarray, alpha: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    weight = alpha[..., None] / 255
    return colors * weight + np.array(background) * (1 - weight)


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


# Depth


DEEP = np.array([[0, 1, 128, 129, 256, 257, 300, 32767], [32768, 40000, 65000, 65278, 65279, 65407, 65408, 65535]])


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


# Palettes, masks, alpha


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


def test_one_bit(tmp_path: Path) -> None:
    data = handmade.tiff(8, 2, bytes([0b10110001, 0b01000000]), (1,), photometric=1)
    bits = np.array([[1, 0, 1, 1, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0, 0, 0]], np.uint8)
    assert np.array_equal(read(tmp_path, data), gray(bits * 255))


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
