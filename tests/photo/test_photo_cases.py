"""Files from public bug reports, each with its right value: by libpng, libjpeg, ffmpeg, a specification, or arithmetic.

``data/cases/photos`` holds synthetic pictures only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sharp_cli.photo import Photo, read_photo
from sharp_cli.photo.suffixes import PHOTO_SUFFIXES

CASES = Path(__file__).parents[1] / "data" / "cases" / "photos"


def read(name: str) -> Photo:
    return read_photo(CASES / name)


def noted(photo: Photo, word: str) -> bool:
    return any(word in note for note in photo.notes)


@pytest.mark.parametrize(
    ("name", "px"),
    [
        ("canon5d2_50mm_resized_stale_plane.jpg", 1422),  # 36 mm are 1024 px
        ("digimax_35mm_6062.jpg", 901),  # 5.8 mm of a small camera, 35 mm equivalent 48.7
        ("focal_milli.jpg", 555),  # nothing believable: 30 mm equivalent
        ("phone_digital_zoom4.jpg", 2609),
        ("plane_unit_none.jpg", 1351),  # as inches: 22.2 mm wide
        ("phone_cropped_square.jpg", 300),
    ],
)
def test_focal_lengths(name: str, px: float) -> None:
    assert read(name).focal_px == pytest.approx(px, rel=0.005)


@pytest.mark.parametrize("name", ["digimax_35mm_6062.jpg", "focal_milli.jpg", "canon5d2_50mm_resized_stale_plane.jpg"])
def test_dropped_evidence_is_noted(name: str) -> None:
    assert noted(read(name), "ignored")


@pytest.mark.parametrize(
    ("name", "color"),
    [
        ("dcf_adobe_rgb_R03.jpg", (0, 181, 42)),
        ("heic_nclx_p3.heic", (41, 183, 28)),
        ("png_cicp_p3.png", (41, 183, 28)),
        ("png_chrm_p3.png", (41, 183, 28)),
        ("heic_nclx_pq.heic", (73, 194, 93)),
        ("png_gama_linear.png", (128, 128, 128)),
    ],
)
def test_color_spaces_without_icc(name: str, color: tuple[int, int, int]) -> None:
    photo = read(name)
    assert np.abs(photo.pixels.astype(int) - color).max() <= 2
    assert noted(photo, "HDR") == (name == "heic_nclx_pq.heic")


GRADIENT = ("bmp_v5_alpha_zero.bmp", "png_iccp_bad_crc.png", "png_iccp_method1.png", "png_iccp_not_zlib.png")
GRADIENT += ("png_short_gama.png", "tiff_no_next_pointer.tif", "tiff_subfile_reduced.tif")
LARGE = ("png_bad_crc_in_text.png", "png_iccp_1MB.png", "png_70_text_chunks.png", "png_ztxt_1.1MB.png")


@pytest.mark.parametrize("name", [*GRADIENT, "jpeg_bad_jfif.jpg", "jpeg_icc_missing_part.jpg", "stereo.mpo"])
def test_the_same_picture_with_a_fault_beside_it(name: str) -> None:
    """All hold one picture of 64 × 48 pixels; JPEG is off by its losses."""
    photo, sound = read(name), read("tiff_subfile_reduced.tif")
    difference = np.abs(photo.pixels.astype(int) - sound.pixels)
    assert difference.max() <= (0 if name in GRADIENT else 12)


@pytest.mark.parametrize("name", [*LARGE, "jpeg_no_eoi.jpg", "sony_10bit.hif"])
def test_the_same_larger_picture_with_a_fault_beside_it(name: str) -> None:
    """All hold one picture of 300 × 200 pixels."""
    photo, sound = read(name), read("png_bad_crc_in_text.png")
    difference = np.abs(photo.pixels.astype(int) - sound.pixels)
    assert difference.max() <= (0 if name in LARGE else 40) and difference.mean() < 3


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("bmp_v5_alpha_zero.bmp", "alpha"),
        ("jpeg_bad_jfif.jpg", "APP0"),
        ("jpeg_no_eoi.jpg", "EOI"),
        ("jpeg_icc_missing_part.jpg", "profile"),
        ("jpeg_xmp_orientation6_no_exif.jpg", "XMP"),
        ("png_70_text_chunks.png", "text"),
        ("png_ztxt_1.1MB.png", "text"),
        ("png_bad_crc_in_text.png", "checksum"),
        ("png_iccp_bad_crc.png", "checksum"),
        ("png_iccp_method1.png", "profile"),
        ("png_iccp_not_zlib.png", "profile"),
        ("png_short_gama.png", "gAMA"),
        ("tiff_no_next_pointer.tif", "next"),
    ],
)
def test_what_was_skipped_is_noted(name: str, word: str) -> None:
    photo = read(name)
    assert noted(photo, word) and len(photo.notes) == 1


@pytest.mark.parametrize("name", ["png_iccp_1MB.png", "stereo.mpo", "sony_10bit.hif", "tiff_subfile_reduced.tif"])
def test_nothing_is_noted_about_sound_files(name: str) -> None:
    assert read(name).notes == ()


def test_exif_in_a_text_chunk() -> None:
    photo = read("png_raw_profile_app1.png")
    assert (photo.width, photo.height) == (48, 64)
    assert photo.focal_source == "EXIF 35 mm equivalent 26 mm"


def test_orientation_in_xmp_alone_counts() -> None:
    photo = read("jpeg_xmp_orientation6_no_exif.jpg")
    assert (photo.width, photo.height) == (48, 64)


def test_folders_are_searched_for_all_of_them() -> None:
    assert {path.suffix for path in CASES.iterdir()} <= PHOTO_SUFFIXES
