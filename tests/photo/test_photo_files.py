from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path

import handmade
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

import sharp_cli.photo.containers as containers
import sharp_cli.photo.decoding as decoding
import sharp_cli.photo.orientation as orientation
from sharp_cli.errors import SharpError
from sharp_cli.photo import Photo, read_photo

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")  # pytest undoes our own filter

COLORS = np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)

KINDS: dict[str, dict[str, object]] = {
    "jpeg": {"format": "JPEG"},
    "progressive": {"format": "JPEG", "progressive": True},
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP"},
    "lossless webp": {"format": "WEBP", "lossless": True},
    "tiff": {"format": "TIFF"},
    "lzw": {"format": "TIFF", "compression": "tiff_lzw"},
    "avif": {"format": "AVIF"},
    "bmp": {"format": "BMP"},
    "gif": {"format": "GIF"},
}


@cache
def encoded(kind: str) -> bytes:
    """A small photo with a profile and EXIF, as far as the format holds them."""
    file = io.BytesIO()
    image = Image.fromarray(COLORS)
    exif = Image.Exif()
    exif[274] = 6
    if kind != "lzw":  # into which Pillow cannot write camera tags
        exif.get_ifd(0x8769)[0xA405] = 26
    image.save(file, exif=exif.tobytes(), icc_profile=handmade.p3_profile(), **KINDS[kind])
    return file.getvalue()


def refused(path: Path, *phrases: str) -> None:
    """Reading it must end in one sentence that names the file and contains these phrases."""
    with pytest.raises(SharpError) as caught:
        read_photo(path)
    message = str(caught.value)
    assert message.startswith(f"cannot read {path}: ") and "\n" not in message and not message.endswith(".")
    for phrase in phrases:
        assert phrase in message


# Not a picture at all


def test_missing(tmp_path: Path) -> None:
    refused(tmp_path / "photo.jpg", "does not exist")


def test_link_to_nothing(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.symlink_to(tmp_path / "gone.jpg")
    refused(path, "link to a file that does not exist")


def test_link_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.symlink_to(path)
    refused(path, "cannot be opened")


def test_link_to_a_photo(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(encoded("png"))
    (tmp_path / "photo.jpg").symlink_to(tmp_path / "real")
    assert read_photo(tmp_path / "photo.jpg").width == 20


def test_folder(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.mkdir()
    refused(path, "a folder")


def test_pipe_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    os.mkfifo(path)
    refused(path, "not a regular file")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded("jpeg"))
    path.chmod(0)
    if os.geteuid() == 0:  # whom nothing stops

        def denied(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", denied)
    refused(path, "permission denied")


def test_names_no_file_can_have(tmp_path: Path) -> None:
    refused(tmp_path / ("x" * 300), "cannot be opened")
    refused(tmp_path / "nul\0.jpg", "cannot be opened")
    refused(tmp_path / "file.jpg" / "photo.jpg")


@pytest.mark.parametrize("content", [b"", b"\xff", b"hello, world", b"<html><body>404</body></html>", b"%PDF-1.7\n"])
def test_no_picture_inside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    refused(path, "file is ")


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", "EPS", "PCX", "JPEG2000"])
def test_other_formats_stay_closed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(COLORS).save(path, kind)
    refused(path, "file is ")


def test_video(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + b"\0" * 100)
    refused(path, "file is ")


def test_heic_without_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100)
    refused(path, "pip install '.[heic]'")


def test_heic_behind_a_general_brand_is_not_taken_for_avif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf" + b"\0" * 100)
    refused(path, "pip install '.[heic]'")


def test_heic(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "photo.jpg"
    flat = Image.new("RGB", (64, 48), (60, 200, 90))
    flat.info["icc_profile"] = handmade.p3_profile()
    heif.from_pillow(flat).save(path, quality=100)
    photo = read_photo(path)
    assert (photo.width, photo.height) == (64, 48)
    assert np.abs(photo.pixels - handmade.p3_to_srgb(np.array([60, 200, 90]))).max() <= 4
    data = path.read_bytes()
    for length in range(50, len(data), 97):
        path.write_bytes(data[:length])
        refused(path)


def test_raw_photo_that_begins_with_a_preview(tmp_path: Path) -> None:
    path = tmp_path / "photo.dng"
    path.write_bytes(handmade.tiff(2, 2, bytes(12), (8, 8, 8), photometric=2, tag_254=1, tag_330=8))
    refused(path, "raw photo")


def test_float_rgb_tiff_is_refused_clearly(tmp_path: Path) -> None:
    """Pillow cannot read them; the message must not claim that the file is not an image."""
    path = tmp_path / "photo.tiff"
    path.write_bytes(handmade.tiff(2, 2, bytes(48), (32, 32, 32), photometric=2, tag_339=3))
    refused(path, "unknown pixel mode")


# Bombs


def test_bomb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    small = bytearray(handmade.png(8, 2, COLORS))
    small[16:24] = (30_000).to_bytes(4, "big") * 2
    small[29:33] = zlib.crc32(bytes(small[12:29])).to_bytes(4, "big")
    path.write_bytes(small)
    refused(path, "30000 × 30000", "300 megapixels", "decompression bombs")


def test_200_megapixels_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's own limit, 179 megapixels, must not get in the way of phones' photos."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    monkeypatch.setattr(orientation, "STRIP_PIXELS", 60)
    path = tmp_path / "photo"
    for kind in ("jpeg", "png"):
        path.write_bytes(encoded(kind))
        assert sorted(read_photo(path).pixels.shape) == [3, 20, 30]


def test_the_limit_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo"
    path.write_bytes(encoded("png"))
    monkeypatch.setattr(decoding, "MAX_PIXELS", 600)
    assert read_photo(path).width == 20
    monkeypatch.setattr(decoding, "MAX_PIXELS", 599)
    refused(path, "30 × 20")


def test_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    path = tmp_path / "photo"
    path.write_bytes(encoded("png"))
    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", full)
    refused(path, "not enough memory")


# Damage


@pytest.mark.parametrize("kind", KINDS)
def test_cut_short_is_an_error_or_the_whole_picture(tmp_path: Path, kind: str) -> None:
    """Never a picture with a gray rest, a missing profile or a missing turn."""
    path = tmp_path / "photo"
    data = encoded(kind)
    path.write_bytes(data)
    whole = read_photo(path)
    lengths = sorted({*range(0, len(data), max(1, len(data) // 60)), *range(len(data) - 12, len(data))})
    errors = 0
    for length in lengths:
        path.write_bytes(data[:length])
        try:
            photo = read_photo(path)
        except SharpError:
            errors += 1
        else:
            assert np.array_equal(photo.pixels, whole.pixels) and photo.focal_px == whole.focal_px
    assert errors >= len(lengths) - 13


def test_a_tiff_with_too_few_strips(tmp_path: Path) -> None:
    """Pillow would leave the rest black."""
    path = tmp_path / "photo.tiff"
    path.write_bytes(handmade.tiff(30, 40, COLORS.tobytes(), (8, 8, 8), photometric=2, tag_278=20))
    refused(path, "truncated")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
@example(edits=[(0.0, 0)])
def test_damaged_bytes_give_a_photo_or_a_clear_error(tmp_path: Path, kind: str, edits: list[tuple[float, int]]) -> None:
    data = bytearray(encoded(kind))
    for place, value in edits:
        data[int(place * (len(data) - 1))] = value
    path = tmp_path / "photo"
    path.write_bytes(data)
    try:
        photo = read_photo(path)
    except SharpError as error:
        assert str(error).startswith(f"cannot read {path}: ") and "\n" not in str(error)
    else:
        assert isinstance(photo, Photo) and photo.pixels.shape == (photo.height, photo.width, 3)
        assert photo.focal_px > 0


SIGNATURES = [
    *containers.SIGNATURES,
    b"RIFF\xff\0\0\0WEBPVP8 ",
    b"RIFF\xff\0\0\0WEBPVP8X",
    b"\0\0\0\x1cftypavif\0\0\0\0",
]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SIGNATURES), st.binary(max_size=300))
def test_noise_behind_a_signature(tmp_path: Path, signature: bytes, noise: bytes) -> None:
    path = tmp_path / "photo"
    path.write_bytes(signature + noise)
    try:
        photo = read_photo(path)
    except SharpError:
        return
    assert photo.pixels.shape == (photo.height, photo.width, 3)


def test_pillow_says_nothing_on_stderr(tmp_path: Path) -> None:
    """Warnings about odd tags and transparency, and the TIFF reader's log, stay inside."""
    palette = np.random.default_rng(5).integers(0, 256, 768, dtype=np.uint8).tobytes()
    exif = b"II*\0\x08\0\0\0\x02\0" + b"\x0f\x01\x02\0\xff\0\0\0\xff\0\0\0" * 2
    chunks = ((b"PLTE", palette), (b"tRNS", bytes(range(256))), (b"eXIf", exif))
    (tmp_path / "odd.png").write_bytes(handmade.png(8, 3, COLORS[..., :1], chunks))
    (tmp_path / "bad.tiff").write_bytes(handmade.tiff(2, 2, bytes(12), (8,), photometric=2, tag_277=60000))
    script = (
        "from sharp_cli.photo import read_photo\n"
        "read_photo('odd.png')\n"
        "try: read_photo('bad.tiff')\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ("SharpError\n", "")
