"""A fault beside the picture costs a note; a picture that is cut off stays an error."""

from __future__ import annotations

import io
import struct
import threading
import tracemalloc
import zlib
from pathlib import Path

import handmade
import numpy as np
import pytest
from PIL import Image, ImageFile
from PIL.ExifTags import Base

from sharp_cli.errors import SharpError
from sharp_cli.photo import Photo, photo_from_image, read_photo
from sharp_cli.photo.png import MOST_CHUNKS

COLORS = np.random.default_rng(13).integers(0, 256, (40, 56, 3), dtype=np.uint8)
SMOOTH = np.asarray(Image.fromarray(COLORS).resize((300, 200), Image.Resampling.BICUBIC))


def read(tmp_path: Path, data: bytes) -> Photo:
    path = tmp_path / "photo"
    path.write_bytes(data)
    return read_photo(path)


def png_of(*extra: bytes, late: bool = False) -> bytes:
    """A PNG with chunks, given as bytes, before or behind its pixels."""
    data = handmade.png(8, 2, COLORS)
    place = data.index(b"IEND") - 4 if late else data.index(b"IDAT") - 4
    return data[:place] + b"".join(extra) + data[place:]


def jpeg(pixels: np.ndarray = SMOOTH, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


chunk = handmade.png_chunk

BROKEN_CHUNKS = {
    "text crc": chunk(b"tEXt", b"a\0b", 1),
    "exif crc": chunk(b"eXIf", b"II*\0", 1),
    "profile crc": chunk(b"iCCP", b"a\0\0" + zlib.compress(handmade.p3_profile()), 1),
    "gamma crc": chunk(b"gAMA", struct.pack(">I", 100000), 1),
    "transparency crc": chunk(b"tRNS", bytes(6), 1),
    "short gamma": chunk(b"gAMA", b"\0"),
    "long gamma": chunk(b"gAMA", bytes(9)),
    "short chromaticities": chunk(b"cHRM", bytes(31)),
    "empty srgb": chunk(b"sRGB", b""),
    "short cicp": chunk(b"cICP", bytes(3)),
    "short density": chunk(b"pHYs", bytes(8)),
    "short time": chunk(b"tIME", b""),
    "text without keyword": chunk(b"tEXt", b"\0text"),
    "text without end of keyword": chunk(b"tEXt", b"k" * 100),
    "empty text": chunk(b"tEXt", b""),
    "packed text is none": chunk(b"zTXt", b"a\0\0nonsense"),
    "packed text by method 7": chunk(b"zTXt", b"a\0\x07x"),
    "packed text cut": chunk(b"zTXt", b"a\0"),
    "international text cut": chunk(b"iTXt", b"a\0\1"),
    "international text is none": chunk(b"iTXt", b"a\0\1\0en\0a\0nonsense"),
    "profile is none": chunk(b"iCCP", b"a\0\0nonsense"),
    "profile cut": chunk(b"iCCP", b"a\0\0" + zlib.compress(handmade.p3_profile())[:-40]),
    "profile by method 1": chunk(b"iCCP", b"a\0\1" + zlib.compress(handmade.p3_profile())),
    "empty profile": chunk(b"iCCP", b""),
    "transparency of another length": chunk(b"tRNS", bytes(5)),
    "large text": chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2 << 20))),
    "large plain text": chunk(b"tEXt", b"a\0" + b"x" * (2 << 20)),
    "large profile": chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(20 << 20))),
}


@pytest.mark.parametrize("late", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_broken_chunks_beside_the_picture(tmp_path: Path, name: str, late: bool) -> None:
    photo = read(tmp_path, png_of(BROKEN_CHUNKS[name], late=late))
    assert np.array_equal(photo.pixels, COLORS)
    assert len(photo.notes) == 1


@pytest.mark.parametrize("kind", [b"PLTE", b"acTL", b"fcTL", b"fdAT", b"bKGD", b"hIST", b"sPLT", b"sBIT", b"zzZz"])
def test_chunks_that_say_nothing_to_us(tmp_path: Path, kind: bytes) -> None:
    assert np.array_equal(read(tmp_path, png_of(chunk(kind, b"\0"))).pixels, COLORS)


def test_a_missing_end_of_png(tmp_path: Path) -> None:
    photo = read(tmp_path, png_of()[:-12])
    assert np.array_equal(photo.pixels, COLORS) and "IEND" in photo.notes[0]


def test_a_profile_of_more_than_a_megabyte(tmp_path: Path) -> None:
    """Scanner profiles come that large: Pillow's own limit is a megabyte of text."""
    profile = bytearray(handmade.p3_profile())
    profile += bytes(2 << 20)
    profile[:4] = struct.pack(">I", len(profile))
    photo = read(tmp_path, png_of(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(profile)))))
    assert np.abs(photo.pixels - handmade.p3_to_srgb(COLORS)).max() <= 2 and photo.notes == ()


def test_text_is_not_unpacked_beyond_a_bound(tmp_path: Path) -> None:
    packed = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50 << 20)))
    path = tmp_path / "photo"
    path.write_bytes(png_of(*[packed] * 20))
    tracemalloc.start()
    read_photo(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20


def test_many_faults_give_few_notes(tmp_path: Path) -> None:
    assert len(read(tmp_path, png_of(*[chunk(b"tEXt", b"", 1)] * 1000)).notes) == 1
    notes = read(tmp_path, png_of(*[chunk(b"pHYs", bytes(10 + n)) for n in range(100)])).notes
    assert len(notes) == 13 and "88" in notes[-1]


def test_endless_chunks_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_CHUNKS <= 1_000_000
    monkeypatch.setattr("sharp_cli.photo.png.MOST_CHUNKS", 50)
    with pytest.raises(SharpError, match="chunks"):
        read(tmp_path, png_of(*[chunk(b"tEXt", b"a\0b")] * 60))


@pytest.mark.parametrize("kind", [b"Raw profile type exif", b"Raw profile type APP1"])
@pytest.mark.parametrize("form", [b"tEXt", b"zTXt", b"iTXt"])
def test_exif_in_text(tmp_path: Path, kind: bytes, form: bytes) -> None:
    block = b"Exif\0\0" + handmade.exif({Base.Orientation: 6}, {Base.FocalLengthIn35mmFilm: 26})
    text = b"\nexif\n%8d\n" % len(block) + b"\n".join(
        block.hex().encode()[i : i + 72] for i in range(0, 2 * len(block), 72)
    )
    body = {
        b"tEXt": kind + b"\0" + text,
        b"zTXt": kind + b"\0\0" + zlib.compress(text),
        b"iTXt": kind + b"\0\1\0\0\0" + zlib.compress(text),
    }[form]
    photo = read(tmp_path, png_of(chunk(form, body), late=True))
    assert (photo.width, photo.height) == (40, 56)
    assert photo.focal_source == "EXIF 35 mm equivalent 26 mm"


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def test_orientation_by_xmp(tmp_path: Path) -> None:
    photo = read(tmp_path, png_of(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)))
    assert (photo.width, photo.height) == (40, 56) and "XMP" in photo.notes[0]
    segment = (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP.replace(b'="6"/', b">6<"))
    assert read(tmp_path, handmade.jpeg_segments(jpeg(), segment)).width == 200
    exif = (0xE1, b"Exif\0\0" + handmade.exif({Base.Orientation: 1}))
    assert read(tmp_path, handmade.jpeg_segments(jpeg(), segment, exif)).width == 300


# JPEG


@pytest.mark.parametrize(
    ("segment", "word"),
    [
        ((0xE0, b"JFIF\0\1\1"), "APP0"),
        ((0xE0, b"JFIF\0\1\1\0\0\1\0"), "APP0"),
        ((0xEE, b"Adobe\0\x64\0\0\0\0"), "APP14"),
        ((0xEE, b"Adobe"), "APP14"),
        ((0xE2, b"ICC_PROFILE\0\1\2junk"), "profile"),
        ((0xE2, b"ICC_PROFILE\0\1\1junk"), "profile"),
        ((0xE1, b"Exif\0\0" + b"nonsense" * 9), "EXIF"),
        ((0xE1, b"Exif\0\0"), None),
        ((0xE2, b"MPF\0II*\0\xff\xff\xff\xff"), None),
        ((0xED, b"Photoshop 3.0\x008BIM\0"), None),
        ((0xFE, b""), None),
    ],
)
def test_broken_segments_beside_the_picture(tmp_path: Path, segment: tuple[int, bytes], word: str | None) -> None:
    photo = read(tmp_path, handmade.jpeg_segments(jpeg(), segment))
    assert np.array_equal(photo.pixels, np.asarray(Image.open(io.BytesIO(jpeg()))))
    assert len(photo.notes) == (word is not None) and all(word is None or word in note for note in photo.notes)


def test_junk_between_segments(tmp_path: Path) -> None:
    data = jpeg()
    for junk in (b"junk", b"\xff" * 7, b"\0" * 100_000, b"\xff\0"):
        assert read(tmp_path, data[:20] + junk + data[20:]).width == 300


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (3, 2, 1)])
@pytest.mark.parametrize("first", [1, 0])
def test_profile_parts_in_any_order(tmp_path: Path, order: tuple[int, ...], first: int) -> None:
    profile = handmade.p3_profile()
    third = -(-len(profile) // 3)
    parts = [(0xE2, b"ICC_PROFILE\0" + bytes([n - 1 + first, 3]) + profile[third * (n - 1) : third * n]) for n in order]
    flat = np.full((32, 32, 3), (90, 180, 60), np.uint8)
    photo = read(tmp_path, handmade.jpeg_segments(jpeg(flat, subsampling=0), *parts))
    assert np.abs(photo.pixels.astype(int) - (41, 183, 28)).max() <= 3 and photo.notes == ()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 5}, {"subsampling": 0}])
def test_a_missing_end_of_jpeg_differs_from_a_missing_part(tmp_path: Path, options: dict[str, object]) -> None:
    data = jpeg(**options)
    whole = read(tmp_path, data).pixels
    for missing in (1, 2):
        photo = read(tmp_path, data[:-missing])
        assert np.array_equal(photo.pixels, whole)
        assert all("EOI" in note for note in photo.notes)  # sometimes Pillow does not need it
    for missing in (3, 4, 6, 12, 50, 400, len(data) // 2):
        with pytest.raises(SharpError, match="truncated"):
            read(tmp_path, data[:-missing])


def test_a_progressive_jpeg_without_its_last_scan_is_cut_off(tmp_path: Path) -> None:
    data = jpeg(progressive=True)
    with pytest.raises(SharpError, match="truncated"):
        read(tmp_path, data[: data.rindex(b"\xff\xda")])


def test_a_gray_jpeg_without_its_end(tmp_path: Path) -> None:
    data = jpeg(SMOOTH[..., 0])
    assert np.array_equal(read(tmp_path, data[:-2]).pixels, read(tmp_path, data).pixels)


# TIFF


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


# WebP


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


# Transparency


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


# Others in the process


def test_nothing_of_pillow_is_changed_and_threads_do_not_mix(tmp_path: Path) -> None:
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    cut, whole = tmp_path / "cut.jpg", tmp_path / "whole.jpg"
    cut.write_bytes(jpeg()[:-200])
    whole.write_bytes(jpeg()[:-2])
    outcomes: list[bool] = []

    def work() -> None:
        for _ in range(5):
            assert read_photo(whole).width == 300
            with pytest.raises(SharpError):
                read_photo(cut)
            outcomes.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 20
    assert before == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    with Image.open(cut) as image, pytest.raises(SharpError, match="truncated"):
        photo_from_image(image)
