"""Faults in TIFF and WebP beside the pixels, and alpha that is zero everywhere."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import handmade
import numpy as np
import pytest
from photo_files import NOISE as COLORS
from photo_files import read
from PIL import Image
from PIL.ExifTags import Base

from sharp_cli.errors import SharpError
from sharp_cli.photo import read_photo


def test_a_tiff_tag_outside_the_file(tmp_path: Path) -> None:
    for order, head in (("<", b"II*\0"), (">", b"MM\0*")):
        tags = {
            256: 2, 257: 2, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2, 279: 4, 305: "some long software name",
        }  # fmt: skip
        data = handmade.exif(tags, order=order, stray={305: 10**6})
        pixels = bytes([0, 80, 160, 240])
        (end,) = struct.unpack_from(order + "I", data, 4)
        assert end == 8
        moved = head + struct.pack(order + "I", 12) + pixels + data[8:]
        photo = read(tmp_path, moved)
        assert photo.pixels[..., 0].ravel().tolist() == [0, 80, 160, 240] and "305" in photo.notes[0]


def two_pages(first: int, second: int) -> bytes:
    """A page of 3 × 2 and one of 6 × 4 pixels, with these NewSubfileTypes."""
    one = handmade.tiff(3, 2, bytes(6), (8,), photometric=1, tag_254=first)
    two = handmade.tiff(6, 4, bytes([200]) * 24, (8,), photometric=1, tag_254=second)
    (start,) = struct.unpack_from("<I", two, 4)
    count = struct.unpack_from("<H", two, start)[0]
    shift = len(one)
    moved = bytearray(two)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", two, entry)[0] == 273:
            struct.pack_into("<I", moved, entry + 8, 8 + shift)
    return one[:-4] + struct.pack("<I", start + shift) + bytes(moved)


@pytest.mark.parametrize(("types", "width"), [((1, 0), 6), ((0, 0), 3), ((1, 1), 3), ((0, 1), 3), ((2, 2), 3)])
def test_a_reduced_copy_before_the_page_itself(tmp_path: Path, types: tuple[int, int], width: int) -> None:
    photo = read(tmp_path, two_pages(*types))
    assert photo.width == width and bool(photo.notes) == (width == 6)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_a_missing_next_pointer(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "photo.tiff"
    Image.fromarray(COLORS).save(path, compression=compression)
    whole, data = read_photo(path).pixels, path.read_bytes()
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    directory = data[start : start + 2 + 12 * count]
    moved = data[:4] + struct.pack("<I", len(data)) + data[8:] + directory
    for tail in (b"", b"\0", b"\0\0\0"):
        photo = read(tmp_path, moved + tail)
        assert np.array_equal(photo.pixels, whole) and "next" in photo.notes[0]
    with pytest.raises(SharpError, match="truncated"):
        read(tmp_path, moved[:-1])


def test_a_wrong_riff_size(tmp_path: Path) -> None:
    file = io.BytesIO()
    exif = b"Exif\0\0" + handmade.exif({Base.Orientation: 6})
    Image.fromarray(COLORS).save(file, "WEBP", lossless=True, exif=exif, icc_profile=handmade.p3_profile())
    data = file.getvalue()
    whole = read(tmp_path, data).pixels
    for wrong in (0, 12, len(data) - 10, len(data), len(data) + 99, 2**32 - 1):
        photo = read(tmp_path, data[:4] + struct.pack("<I", wrong) + data[8:])
        assert np.array_equal(photo.pixels, whole) and "RIFF" in photo.notes[0]
    assert np.array_equal(read(tmp_path, data + b"\0junk behind it").pixels, whole)
    for missing in (2, 9, 40, 800):
        with pytest.raises(SharpError, match="truncated"):
            read(tmp_path, data[:-missing])


def test_alpha_of_zero_everywhere(tmp_path: Path) -> None:
    pixels = np.dstack([COLORS, np.zeros(COLORS.shape[:2], np.uint8)])
    photo = read(tmp_path, handmade.png(8, 6, pixels))
    assert (photo.pixels == 255).all() and "transparent" in photo.notes[0]
    pixels[0, 0, 3] = 1
    assert read(tmp_path, handmade.png(8, 6, pixels)).notes == ()


def bmp32(alpha: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 124, 2, 2, 1, 32, 3, 16, 0, 0, 0, 0)
    header += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(124 - 60)
    return b"BM" + struct.pack("<IHHI", 138 + 16, 0, 0, 138) + header + bytes([10, 20, 30, alpha]) * 4


def test_alpha_of_a_bitmap(tmp_path: Path) -> None:
    photo = read(tmp_path, bmp32(0))
    assert (photo.pixels == (30, 20, 10)).all() and "alpha" in photo.notes[0]
    assert (read(tmp_path, bmp32(255)).pixels == (30, 20, 10)).all()
    assert read(tmp_path, bmp32(128)).pixels[0, 0, 0] > 100
