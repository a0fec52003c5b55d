"""Faults in a PNG beside its pixels give a note; a PNG that is cut off is an error."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path

import handmade
import numpy as np
import pytest
from photo_files import NOISE as COLORS
from photo_files import png_of, read
from PIL.ExifTags import Base

from sharp_cli.errors import SharpError
from sharp_cli.photo import read_photo
from sharp_cli.photo.png import MOST_CHUNKS

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
