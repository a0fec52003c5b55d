"""Which format a picture file has, judged by its first bytes, and the reader of each."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile

from sharp_cli.errors import install_extra
from sharp_cli.photo.boxes import read_color_box
from sharp_cli.photo.decoding import PictureError, decode
from sharp_cli.photo.encoding import describe_hdr, to_srgb_values
from sharp_cli.photo.foreign import name_foreign
from sharp_cli.photo.jpeg import read_jpeg
from sharp_cli.photo.metadata import Metadata
from sharp_cli.photo.png import read_png
from sharp_cli.photo.tiff import read_tiff
from sharp_cli.photo.webp import read_webp

Picture = tuple[Image.Image, Metadata]
Reader = Callable[[BinaryIO], Picture]

READABLE = "JPEG, PNG, WebP, TIFF, AVIF, BMP, GIF or HEIC"

AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})

BITMAP_PROFILE = b"DEBM"
"""Color space "MBED" of a BMP with version 5 header: its profile is in the file."""
PROFILE_BYTES = 1 << 24


def read_picture(file: BinaryIO) -> Picture:
    """The decoded first picture of a file, not upright yet, and what the file says beside it.

    Raises:
        PictureError: the file holds no picture that we can read.
        Exception: whatever Pillow raises for a damaged file.
    """
    image, metadata = _reader(file.read(64))(file)
    metadata.settle_color()
    return image, metadata


def knows(head: bytes) -> bool:
    """Whether a file that begins with these 64 bytes is a picture of one of our formats."""
    try:
        _reader(head)
    except PictureError:
        return False
    return True


def _reader(head: bytes) -> Reader:
    for signature, reader in SIGNATURES.items():
        if head.startswith(signature):
            return reader
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return read_webp
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[i : i + 4] for i in range(16, end, 4))}
        if brands & AVIF_BRANDS:
            return _read_avif
        if brands & HEIC_BRANDS:
            return _read_heic
    raise PictureError(name_foreign(head) or f"file is none of {READABLE}")


def _read_plain(reader: Callable[[BinaryIO], ImageFile], file: BinaryIO) -> Picture:
    image = decode(reader, file)
    metadata = Metadata(icc=image.info.get("icc_profile"))
    if exif := image.info.get("exif"):
        metadata.add_exif(exif)
    return image, metadata


def _read_gif(file: BinaryIO) -> Picture:
    return _read_plain(GifImageFile, file)


def _read_bmp(file: BinaryIO) -> Picture:
    """A Windows bitmap, whose alpha is opaque if it is 0 everywhere: many programs leave it unset."""
    image: Image.Image
    image, metadata = _read_plain(BmpImageFile, file)
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        image = image.convert("RGB")
        metadata.notes.append("its alpha is 0 everywhere and was ignored")
    file.seek(14)
    header = file.read(124)
    if len(header) == 124 and header[:4] == (124).to_bytes(4, "little") and header[56:60] == BITMAP_PROFILE:
        start, size = struct.unpack("<II", header[112:120])
        file.seek(14 + start)
        metadata.icc = file.read(min(size, PROFILE_BYTES))
    return image, metadata


def _read_avif(file: BinaryIO) -> Picture:
    image, metadata = _read_plain(AvifImageFile, file)
    _declare_color_box(file, metadata)
    return image, metadata


def _read_heic(file: BinaryIO) -> Picture:
    try:
        from pillow_heif import HeifImageFile, open_heif
    except ImportError:
        raise PictureError(f"HEIC support is missing ({install_extra('heic')})") from None
    image: Image.Image
    image, metadata = _read_plain(HeifImageFile, file)
    _declare_color_box(file, metadata)
    encoding = metadata.encoding
    if encoding is not None and encoding.is_hdr and image.mode == "RGB" and image.info.get("bit_depth", 8) > 8:
        file.seek(0)
        deep = np.asarray(open_heif(file, convert_hdr_to_8bit=False))  # 8 bits of PQ leave 30 dark levels
        image = Image.fromarray(to_srgb_values(deep[: image.height, : image.width], encoding))
        metadata.encoding = None
        metadata.notes.append(describe_hdr(encoding))
    return image, metadata


def _declare_color_box(file: BinaryIO, metadata: Metadata) -> None:
    """Take code points from a HEIC or AVIF file; a profile counts more (ISO 23000-22 §7.3.6.4)."""
    if metadata.icc is None:
        try:
            metadata.encoding = read_color_box(file)
        except ValueError as error:
            metadata.notes.append(f"its color box was ignored ({error})")


SIGNATURES: dict[bytes, Reader] = {
    b"\xff\xd8\xff": read_jpeg,
    b"\x89PNG\r\n\x1a\n": read_png,
    b"II*\0": read_tiff,
    b"MM\0*": read_tiff,
    b"II+\0": read_tiff,
    b"MM\0+": read_tiff,
    b"GIF87a": _read_gif,
    b"GIF89a": _read_gif,
    b"BM": _read_bmp,
}
"""First bytes → reader; for RIFF and ISO containers see :func:`_reader`."""
