"""Faults in a JPEG beside its pixels give a note; a JPEG that is cut off is an error."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import handmade
import numpy as np
import pytest
from photo_files import NOISE as COLORS
from photo_files import png_of, read
from PIL import Image, ImageFile
from PIL.ExifTags import Base

from sharp_cli.errors import SharpError
from sharp_cli.photo import photo_from_image, read_photo

SMOOTH = np.asarray(Image.fromarray(COLORS).resize((300, 200), Image.Resampling.BICUBIC))


def jpeg(pixels: np.ndarray = SMOOTH, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


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


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def test_orientation_by_xmp(tmp_path: Path) -> None:
    photo = read(tmp_path, png_of(handmade.png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)))
    assert (photo.width, photo.height) == (40, 56) and "XMP" in photo.notes[0]
    segment = (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP.replace(b'="6"/', b">6<"))
    assert read(tmp_path, handmade.jpeg_segments(jpeg(), segment)).width == 200
    exif = (0xE1, b"Exif\0\0" + handmade.exif({Base.Orientation: 1}))
    assert read(tmp_path, handmade.jpeg_segments(jpeg(), segment, exif)).width == 300


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
