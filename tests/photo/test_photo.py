from __future__ import annotations

import math
import struct
from pathlib import Path

import handmade
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IFDRational

import sharp_cli.photo.orientation as orientation_module
from sharp_cli.errors import SharpError
from sharp_cli.photo import FocalOverride, Photo, as_photo, photo_from_array, photo_from_image, read_photo

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")  # pytest undoes our own filter

DATA = Path(__file__).parents[1] / "data"

SCENE = np.zeros((24, 40, 3), np.uint8)
"""An upright picture whose quarters differ, so that no turn or mirroring looks like another."""
SCENE[:12, :20] = (220, 30, 30)
SCENE[:12, 20:] = (30, 220, 30)
SCENE[12:, :20] = (30, 30, 220)
SCENE[12:, 20:] = (200, 200, 60)


def stored(scene: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores a picture for an EXIF orientation: 6 says "row 0 is the right side, column 0 the top"."""
    sideways = scene.swapaxes(0, 1)
    turned = {
        1: scene,
        2: scene[:, ::-1],
        3: scene[::-1, ::-1],
        4: scene[::-1],
        5: sideways,
        6: sideways[::-1],
        7: sideways[::-1, ::-1],
        8: sideways[:, ::-1],
    }
    return np.ascontiguousarray(turned[orientation])


def exif_of(tags: dict[int, object], orientation: int | None = None) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[Base.Orientation] = orientation
    if tags:
        exif.get_ifd(IFD.Exif).update(tags)
    return exif.tobytes()


def equivalent(mm: float, width: int = 40, height: int = 24) -> float:
    return mm * math.hypot(width, height) / math.hypot(36, 24)


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("jpeg", {"quality": 100, "subsampling": 0}),
        ("png", {}),
        ("tiff", {}),
        ("tiff", {"compression": "tiff_lzw"}),
        ("webp", {"lossless": True}),
        ("avif", {"quality": 100, "subsampling": "4:4:4"}),
    ],
    ids=["jpeg", "png", "tiff", "lzw", "webp", "avif"],
)
def test_every_orientation(tmp_path: Path, kind: str, options: dict[str, object], orientation: int) -> None:
    path = tmp_path / f"photo.{kind}"
    # Pillow cannot write camera tags into compressed TIFFs.
    tags = {} if "compression" in options else {Base.FocalLengthIn35mmFilm: 26}
    image = Image.fromarray(stored(SCENE, orientation))
    image.save(path, exif=exif_of(tags, orientation), **options)
    photo = read_photo(path)
    assert (photo.width, photo.height) == (40, 24)
    assert np.abs(photo.pixels.astype(int) - SCENE).max() <= (0 if kind in ("png", "tiff", "webp") else 12)
    assert photo.focal_px == pytest.approx(equivalent(26 if tags else 30))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int) -> None:
    """Of 5 or 3 rows, with a smaller one at the end; no two pixels are alike."""
    monkeypatch.setattr(orientation_module, "STRIP_PIXELS", 125)
    pixels = np.arange(24 * 40 * 3, dtype=np.int64).reshape(24, 40, 3) * 7919
    scene = np.stack([pixels[..., 0] % 256, pixels[..., 1] % 253, pixels[..., 2] % 251], axis=-1).astype(np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(stored(scene, orientation)).save(path, exif=exif_of({}, orientation))
    assert (read_photo(path).pixels == scene).all()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_of_heic(tmp_path: Path, orientation: int) -> None:
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "photo.heic"
    exif = exif_of({Base.FocalLengthIn35mmFilm: 26}, orientation)
    image = Image.fromarray(stored(SCENE, orientation))
    heif.from_pillow(image).save(path, quality=100, chroma=444, exif=exif)
    photo = read_photo(path)
    assert np.abs(photo.pixels.astype(int) - SCENE).max() <= 12
    assert photo.focal_px == pytest.approx(equivalent(26))


def test_field_of_view_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(stored(SCENE, 6)).save(path, exif=exif_of({}, 6))
    assert read_photo(path, focal=FocalOverride(fov=90.0)).focal_px == pytest.approx(20.0)


@pytest.mark.parametrize("orientation", [0, 9, 60000])
def test_an_unknown_orientation_turns_nothing(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(SCENE).save(path, exif=exif_of({}, orientation))
    assert np.array_equal(read_photo(path).pixels, SCENE)


def test_exif_after_the_pixels(tmp_path: Path) -> None:
    """PNG allows its eXIf chunk at the end."""
    path = tmp_path / "photo.png"
    tags = exif_of({Base.FocalLengthIn35mmFilm: 26}, 6).removeprefix(b"Exif\0\0")
    path.write_bytes(handmade.png(8, 2, stored(SCENE, 6), ((b"eXIf", tags),), late=True))
    photo = read_photo(path)
    assert np.array_equal(photo.pixels, SCENE)
    assert photo.focal_source == "EXIF 35 mm equivalent 26 mm"


def test_exif_of_a_tiff_with_several_pages(tmp_path: Path) -> None:
    path = tmp_path / "pages.tiff"
    first = Image.fromarray(stored(SCENE, 6))
    exif = exif_of({Base.FocalLengthIn35mmFilm: 26}, 6)
    first.save(path, save_all=True, append_images=[Image.new("RGB", (5, 5))], exif=exif)
    photo = read_photo(path)
    assert np.array_equal(photo.pixels, SCENE)
    assert photo.focal_source == "EXIF 35 mm equivalent 26 mm"


# Focal length from files


def test_focal_length_and_sensor_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    tags = {
        Base.FocalLength: 50.0,
        Base.FocalPlaneXResolution: 20.0,
        Base.FocalPlaneYResolution: 20.0,
        Base.FocalPlaneResolutionUnit: 3,
        Base.ExifImageWidth: 40,
        Base.ExifImageHeight: 24,
    }
    Image.fromarray(SCENE).save(path, exif=exif_of(tags))
    photo = read_photo(path)  # 20 pixels per cm: 50 mm are 100 pixels
    assert photo.focal_px == pytest.approx(100.0)
    assert photo.focal_source == "EXIF focal length 50 mm on a sensor of 20.0 × 12.0 mm"


def test_focal_length_in_the_wrong_directory(tmp_path: Path) -> None:
    """Some programs write camera tags beside the picture's own."""
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[Base.FocalLengthIn35mmFilm] = 24
    Image.fromarray(SCENE).save(path, exif=exif)
    assert read_photo(path).focal_source == "EXIF 35 mm equivalent 24 mm"


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\0" * 40, b"Exif\0\0MM\0*junk"])
def test_broken_exif_does_not_cost_the_photo(tmp_path: Path, exif: bytes) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(handmade.png(8, 2, SCENE, ((b"eXIf", exif),)))
    photo = read_photo(path)
    assert np.array_equal(photo.pixels, SCENE)
    assert photo.focal_px == pytest.approx(equivalent(30))


def test_a_zero_denominator(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif = exif_of({Base.FocalLength: IFDRational(5, 3)})
    five_thirds = struct.pack(">II", 5, 3)
    assert exif.count(five_thirds) == 1
    Image.fromarray(SCENE).save(path, exif=exif.replace(five_thirds, struct.pack(">II", 5, 0)))
    assert read_photo(path).focal_source == "none in EXIF, 30 mm equivalent assumed"


# Real files


def test_a_real_photo() -> None:
    photo = read_photo(DATA / "china.jpg")
    assert photo.pixels.shape == (427, 640, 3) and photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous and photo.pixels.flags.writeable
    assert np.array_equal(photo.pixels, np.asarray(Image.open(DATA / "china.jpg")))  # its profile is sRGB
    assert photo.notes == ()


def test_a_real_photo_in_adobe_rgb() -> None:
    """rocket.jpg: gamma 563/256, primaries of AdobeRGB1998.icc as chromaticities."""
    stored = np.asarray(Image.open(DATA / "rocket.jpg"))
    wide = handmade.rgb_to_xyz(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)))
    matrix = np.linalg.solve(handmade.rgb_to_xyz(handmade.SRGB_PRIMARIES), wide)
    expected = 255 * handmade.srgb_encode((stored / 255) ** (563 / 256) @ matrix.T)
    assert np.abs(expected - stored).max() > 20
    assert np.abs(read_photo(DATA / "rocket.jpg").pixels - expected).max() <= 2


def test_tall_and_wide_strips(tmp_path: Path) -> None:
    """Larger than one strip of the way from Pillow to numpy."""
    pixels = np.random.default_rng(1).integers(0, 256, (1500, 1100, 3), dtype=np.uint8)
    assert np.array_equal(photo_from_image(Image.fromarray(pixels)).pixels, pixels)


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "avif", "tiff"])
def test_the_first_frame_counts(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"frames.{kind}"
    frames = [Image.new("RGB", (16, 16), color) for color in [(250, 0, 0), (0, 250, 0), (0, 0, 250)]]
    lossless = {"webp": {"lossless": True}, "avif": {"quality": 100}}.get(kind, {})
    frames[0].save(path, save_all=True, append_images=frames[1:], **lossless)
    assert np.abs(read_photo(path).pixels.astype(int) - [250, 0, 0]).max() <= 6


def test_bmp(tmp_path: Path) -> None:
    path = tmp_path / "photo.bmp"
    Image.fromarray(SCENE).save(path)
    assert np.array_equal(read_photo(path).pixels, SCENE)


def test_the_ending_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(handmade.png(8, 2, SCENE))
    assert np.array_equal(read_photo(str(path)).pixels, SCENE)


def test_a_jpeg_with_further_pictures_behind_it(tmp_path: Path) -> None:
    """Phones store depth maps or stereo halves that way (MPO)."""
    path = tmp_path / "photo.jpg"
    Image.fromarray(SCENE).save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))], quality=100)
    photo = read_photo(path)
    assert photo.pixels.shape == SCENE.shape


# Images and arrays


def test_from_an_image_with_exif_and_profile() -> None:
    image = Image.fromarray(stored(SCENE, 8))
    image.info["exif"] = exif_of({Base.FocalLengthIn35mmFilm: 40}, 8)
    image.info["icc_profile"] = handmade.p3_profile()
    photo = photo_from_image(image)
    assert np.abs(photo.pixels - handmade.p3_to_srgb(SCENE)).max() <= 2
    assert photo.focal_px == pytest.approx(equivalent(40))
    assert np.array_equal(np.asarray(image), stored(SCENE, 8))


def test_from_an_image_opened_but_not_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(SCENE).save(path)
    with Image.open(path) as image:
        assert np.array_equal(photo_from_image(image).pixels, SCENE)
    path.write_bytes(path.read_bytes()[:-30])
    with Image.open(path) as image, pytest.raises(SharpError, match=r"photo\.png: file is"):
        photo_from_image(image)


def test_from_an_array() -> None:
    photo = photo_from_array(SCENE, focal=FocalOverride(px=55.0))
    assert photo.pixels is SCENE
    assert (photo.focal_px, photo.focal_source) == (55.0, "given as 55 px")
    assert photo_from_array(SCENE).focal_px == pytest.approx(equivalent(30))


def test_from_an_array_of_floats() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        assert np.array_equal(photo_from_array((SCENE / 255).astype(dtype)).pixels, SCENE)
    assert photo_from_array(np.full((1, 1, 3), 1.0005)).pixels.tolist() == [[[255, 255, 255]]]


def test_from_an_array_of_odd_layout() -> None:
    for array in (SCENE[:, ::-1], SCENE[::2], np.asarray(Image.fromarray(SCENE))):
        pixels = photo_from_array(array).pixels
        assert np.array_equal(pixels, array) and pixels.flags.c_contiguous and pixels.flags.writeable


@pytest.mark.parametrize(
    "array",
    [
        SCENE[..., 0],
        SCENE.swapaxes(0, 2),
        SCENE[:0],
        SCENE.astype(np.int64),
        SCENE.astype(np.float32),
        SCENE / 255 - 0.5,
        np.full((2, 2, 3), np.nan),
    ],
    ids=["gray", "channels first", "empty", "int64", "0..255 floats", "negative", "nan"],
)
def test_arrays_that_are_not_images(array: np.ndarray) -> None:
    with pytest.raises(SharpError, match="picture"):
        photo_from_array(array)


def test_whatever_a_caller_has() -> None:
    path = DATA / "china.jpg"
    photo = as_photo(path)
    assert as_photo(photo) is photo
    for source in (str(path), Image.open(path), photo.pixels):
        assert np.array_equal(as_photo(source).pixels, photo.pixels)
    for source in (path, Image.open(path), photo.pixels, photo):
        known = as_photo(source, FocalOverride(700.0))
        assert isinstance(known, Photo)
        assert (known.focal_px, known.focal_source) == (700.0, "given as 700 px")


def test_a_lossless_file_with_an_srgb_profile_keeps_every_value(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(SCENE).save(path, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert np.array_equal(read_photo(path).pixels, SCENE)
