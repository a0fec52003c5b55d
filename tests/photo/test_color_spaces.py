"""Color spaces declared without an ICC profile: DCF, nclx, cICP, gAMA and cHRM; wide gamut and HDR."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import handmade
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_files import read
from PIL import Image
from PIL.ExifTags import Base

from sharp_cli.photo import photo_from_image, read_photo
from sharp_cli.photo.encoding import ADOBE_RGB, ColorEncoding, convert_to_srgb, from_code_points, from_gamma

COLORS = np.random.default_rng(11).integers(0, 256, (20, 30, 3), dtype=np.uint8)
ADOBE_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
BT2020_PRIMARIES = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))


def adobe_to_srgb(values: np.ndarray) -> np.ndarray:
    matrix = np.linalg.solve(handmade.rgb_to_xyz(handmade.SRGB_PRIMARIES), handmade.rgb_to_xyz(ADOBE_PRIMARIES))
    return 255 * handmade.srgb_encode((values / 255) ** (563 / 256) @ matrix.T)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return handmade.png(8, 2, COLORS, chunks)


def cicp(primaries: int, transfer: int, full: int = 1, matrix: int = 0) -> tuple[bytes, bytes]:
    return (b"cICP", bytes([primaries, transfer, matrix, full]))


def gama(value: int) -> tuple[bytes, bytes]:
    return (b"gAMA", struct.pack(">I", value))


def chrm(primaries: tuple[tuple[float, float], ...]) -> tuple[bytes, bytes]:
    numbers = [0.3127, 0.3290, *(number for corner in primaries for number in corner)]
    return (b"cHRM", struct.pack(">8I", *(round(number * 1e5) for number in numbers)))


P3_CHUNKS = [(cicp(12, 13),), (gama(45455), chrm(handmade.P3_PRIMARIES)), (chrm(handmade.P3_PRIMARIES),)]


@pytest.mark.parametrize("chunks", P3_CHUNKS)
def test_display_p3_in_png(tmp_path: Path, chunks: tuple[tuple[bytes, bytes], ...]) -> None:
    photo = read(tmp_path, png(*chunks))
    assert np.abs(photo.pixels - handmade.p3_to_srgb(COLORS)).max() <= 1
    assert photo.notes == ()


@pytest.mark.parametrize("gamma", [45470, 45471, 45455, None])
def test_adobe_rgb_in_png(tmp_path: Path, gamma: int | None) -> None:
    chunks = [chrm(ADOBE_PRIMARIES)] if gamma is None else [gama(gamma), chrm(ADOBE_PRIMARIES)]
    assert np.abs(read(tmp_path, png(*chunks)).pixels - adobe_to_srgb(COLORS)).max() <= 2


@pytest.mark.parametrize(
    "chunks",
    [
        (gama(45455),),
        (gama(45455), chrm(handmade.SRGB_PRIMARIES)),
        ((b"sRGB", b"\0"), gama(100000)),
        (cicp(1, 13), gama(100000)),
        (cicp(1, 1),),
        (cicp(2, 2),),
        (cicp(1, 13), (b"sRGB", b"\1")),
    ],
)
def test_spellings_of_srgb_change_nothing(tmp_path: Path, chunks: tuple[tuple[bytes, bytes], ...]) -> None:
    assert np.array_equal(read(tmp_path, png(*chunks)).pixels, COLORS)


def test_precedence_in_png(tmp_path: Path) -> None:
    """cICP before iCCP before sRGB before gAMA and cHRM."""
    file = io.BytesIO()
    Image.fromarray(COLORS).save(file, "PNG", icc_profile=handmade.p3_profile())
    profile = next(body for kind, body in chunks_of(file.getvalue()) if kind == b"iCCP")
    p3, linear = handmade.p3_to_srgb(COLORS), gama(100000)
    assert np.abs(read(tmp_path, png((b"iCCP", profile), (b"sRGB", b"\0"), linear)).pixels - p3).max() <= 2
    assert np.array_equal(read(tmp_path, png(cicp(1, 13), (b"iCCP", profile))).pixels, COLORS)
    broken = (b"iCCP", b"ICC\0\0notzlib")
    photo = read(tmp_path, png(broken, gama(45455), chrm(handmade.P3_PRIMARIES)))
    assert np.abs(photo.pixels - p3).max() <= 2 and len(photo.notes) == 1


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2, 2.6])
def test_gamma_alone(tmp_path: Path, gamma: float) -> None:
    photo = read(tmp_path, png(gama(round(1e5 / gamma))))
    expected = COLORS if gamma == 2.2 else 255 * handmade.srgb_encode((COLORS / 255) ** gamma)
    assert np.abs(photo.pixels - expected).max() <= 1


def test_gamma_of_a_gray_picture(tmp_path: Path) -> None:
    gray = np.full((4, 4, 1), 55)
    assert (read(tmp_path, handmade.png(8, 0, gray, (gama(100000),))).pixels == 128).all()


def test_gamma_under_transparency(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 4), 55)
    pixels[..., 3] = 128
    photo = read(tmp_path, handmade.png(8, 6, pixels, (gama(100000),)))
    assert np.abs(photo.pixels - (128 * 128 / 255 + 127)).max() <= 1


@pytest.mark.parametrize(
    "chunk",
    [
        cicp(99, 13),
        cicp(1, 99),
        cicp(9, 16, matrix=9),
        gama(0),
        gama(2**31),
        chrm(((0, 0),) * 3),
        chrm(((0.3, 0.3),) * 3),
    ],
)
def test_impossible_declarations_give_a_note(tmp_path: Path, chunk: tuple[bytes, bytes]) -> None:
    photo = read(tmp_path, png(chunk))
    assert np.array_equal(photo.pixels, COLORS) and len(photo.notes) == 1


def test_narrow_range(tmp_path: Path) -> None:
    narrow = np.rint(16 + COLORS / 255 * 219).astype(np.uint8)
    photo = read(tmp_path, handmade.png(8, 2, narrow, (cicp(1, 13, full=0),)))
    assert np.abs(photo.pixels.astype(int) - COLORS).max() <= 1


# HDR


def pq(nits: float) -> float:
    y = (nits / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)


def test_pq_and_hlg_white(tmp_path: Path) -> None:
    """203 nits are sRGB's white: 58 % in PQ, 75 % in HLG (BT.2408)."""
    for transfer, level in ((16, pq(203.0)), (18, 0.75)):
        flat = np.full((4, 4, 3), level * 65535)
        photo = read(tmp_path, handmade.png(16, 2, flat, (cicp(9, transfer),)))
        assert photo.pixels.min() >= 252
        assert len(photo.notes) == 1 and "203 nits" in photo.notes[0]


@pytest.mark.parametrize("nits", [1.0, 10.0, 40.0, 100.0, 180.0])
def test_pq_gray_levels(tmp_path: Path, nits: float) -> None:
    flat = np.full((4, 4, 3), round(pq(nits) * 255))
    photo = read(tmp_path, handmade.png(8, 2, flat, (cicp(9, 16),)))
    assert np.abs(photo.pixels - 255 * handmade.srgb_encode(np.array(nits / 203))).max() <= 4  # of 8 bits of PQ


def test_highlights_keep_their_hue() -> None:
    orange = np.full((1, 1, 3), [round(255 * pq(nits)) for nits in (1200, 600, 150)], np.uint8)
    bright = np.asarray(convert_to_srgb(Image.fromarray(orange), from_code_points(1, 16)))[0, 0]
    assert bright[0] == 255 and 180 <= bright[1] <= 192 and 90 <= bright[2] <= 102


def test_black_and_white_of_every_encoding() -> None:
    ends = Image.fromarray(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
    for primaries in (1, 4, 5, 6, 7, 9, 11, 12, 22):
        for transfer in (1, 4, 5, 8, 13, 16, 17, 18):
            black, white = np.asarray(convert_to_srgb(ends, from_code_points(primaries, transfer)))[0]
            assert black.max() == 0 and white.min() >= 254


@settings(derandomize=True)
@given(st.sampled_from([1, 9, 11, 12]), st.sampled_from([4, 8, 13, 16, 18]))
def test_grays_stay_gray_and_in_order(primaries: int, transfer: int) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)
    result = np.asarray(convert_to_srgb(Image.fromarray(ramp), from_code_points(primaries, transfer)))[0].astype(int)
    assert (np.ptp(result, axis=1) <= 1).all() and (np.diff(result[:, 1]) >= 0).all()


# nclx boxes


def with_nclx(data: bytes, primaries: int, transfer: int) -> bytes:
    """A HEIC or AVIF file whose color box declares something else; its matrix stays."""
    assert data.count(b"colrnclx") == 1
    place = data.index(b"colrnclx") + 8
    return data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]


def boxed(kind: str) -> bytes:
    flat, file = Image.new("RGB", (64, 48), (90, 180, 60)), io.BytesIO()
    if kind == "avif":
        flat.save(file, "AVIF", quality=100, subsampling="4:4:4")
    else:
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(flat).save(file, quality=100, chroma=444)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["avif", "heic"])
@pytest.mark.parametrize("code_points", [(1, 13), (12, 13), (12, 16), (9, 16), (9, 18)])
def test_nclx(tmp_path: Path, kind: str, code_points: tuple[int, int]) -> None:
    data = boxed(kind)
    stored = read(tmp_path, data).pixels
    photo = read(tmp_path, with_nclx(data, *code_points))
    if code_points == (12, 13):
        assert np.abs(photo.pixels - handmade.p3_to_srgb(stored)).max() <= 1
    expected = np.asarray(convert_to_srgb(Image.fromarray(stored), from_code_points(*code_points)))
    assert np.abs(photo.pixels.astype(int) - expected).max() <= 1
    assert np.array_equal(photo.pixels, stored) == (code_points == (1, 13))
    assert bool(photo.notes) == (code_points[1] != 13)


@pytest.mark.parametrize("nits", [0.5, 2.0, 20.0, 100.0, 203.0])
def test_ten_bits_of_hdr_are_used(tmp_path: Path, nits: float) -> None:
    """8 bits of PQ would be off by 5 in the shadows."""
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    flat = np.full((32, 48, 3), round(pq(nits) * 1023) * 64, np.uint16)
    image = heif.from_bytes(mode="RGB;16", size=(48, 32), data=flat.tobytes())
    image.save(file, quality=100, chroma=444, matrix_coefficients=9)
    photo = read(tmp_path, with_nclx(file.getvalue(), 9, 16))
    assert np.abs(photo.pixels - 255 * handmade.srgb_encode(np.array(nits / 203))).max() <= 2
    assert photo.pixels.shape == (32, 48, 3) and len(photo.notes) == 1


def test_unknown_code_points_give_a_note(tmp_path: Path) -> None:
    photo = read(tmp_path, with_nclx(boxed("avif"), 99, 13))
    assert np.abs(photo.pixels.astype(int) - (90, 180, 60)).max() <= 2 and "color box" in photo.notes[0]


# DCF


@pytest.mark.parametrize(
    ("space", "index", "adobe"),
    [
        (65535, "R03", True),
        (2, "R98", True),
        (2, None, True),
        (None, "R03", True),
        (1, "R98", False),
        (1, "R03", False),
        (65535, None, False),
        (65535, "R98", False),
    ],
)
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_dcf_adobe_rgb(tmp_path: Path, kind: str, space: int | None, index: str | None, adobe: bool) -> None:
    camera = {Base.FocalLengthIn35mmFilm: 50} | ({} if space is None else {Base.ColorSpace: space})
    block = b"Exif\0\0" + handmade.exif({}, camera, {1: index} if index else {})
    flat, file = Image.new("RGB", (32, 32), (90, 180, 60)), io.BytesIO()
    options = {"lossless": True} if kind == "webp" else {"quality": 100, "subsampling": 0} if kind == "jpeg" else {}
    flat.save(file, kind, exif=block, **options)
    pixels = read(tmp_path, file.getvalue()).pixels
    assert np.abs(pixels.astype(int) - ((0, 181, 42) if adobe else (90, 180, 60))).max() <= 2


def test_a_profile_counts_more_than_dcf(tmp_path: Path) -> None:
    block = b"Exif\0\0" + handmade.exif({}, {Base.ColorSpace: 2})
    file = io.BytesIO()
    Image.fromarray(COLORS).save(file, "PNG", exif=block, icc_profile=handmade.p3_profile())
    assert np.abs(read(tmp_path, file.getvalue()).pixels - handmade.p3_to_srgb(COLORS)).max() <= 2


def test_declarations_of_a_pillow_image(tmp_path: Path) -> None:
    for chunks in ((gama(100000),), (gama(45455), chrm(handmade.P3_PRIMARIES))):
        path = tmp_path / "photo.png"
        path.write_bytes(png(*chunks))
        with Image.open(path) as image:
            assert np.array_equal(photo_from_image(image).pixels, read_photo(path).pixels)


# The conversion itself


def test_every_adobe_rgb_value() -> None:
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    result = np.asarray(convert_to_srgb(Image.fromarray(cube), ADOBE_RGB))
    assert np.abs(result - adobe_to_srgb(cube)).max() <= 1


def test_srgb_is_given_back_as_it_is() -> None:
    image = Image.fromarray(COLORS)
    assert convert_to_srgb(image, ColorEncoding("sRGB")) is image
    assert from_gamma(1 / 2.2, None).is_srgb and from_code_points(1, 13).is_srgb


def test_bt2020_linear() -> None:
    matrix = np.linalg.solve(handmade.rgb_to_xyz(handmade.SRGB_PRIMARIES), handmade.rgb_to_xyz(BT2020_PRIMARIES))
    result = np.asarray(convert_to_srgb(Image.fromarray(COLORS), from_code_points(9, 8)))
    assert np.abs(result - 255 * handmade.srgb_encode(COLORS / 255 @ matrix.T)).max() <= 1
