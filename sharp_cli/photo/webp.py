"""WebP files, with the RIFF size put right where it is wrong (WebP container specification)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from sharp_cli.photo.decoding import TRUNCATED, PictureError, decode
from sharp_cli.photo.ifd import size_of
from sharp_cli.photo.metadata import Metadata
from sharp_cli.photo.spliced import splice

MOST_CHUNKS = 10_000
CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "})


def read_webp(file: BinaryIO) -> tuple[Image.Image, Metadata]:
    """The decoded first frame of a WebP file, and what the file says beside it."""
    notes = []
    end = _end_of_chunks(file)
    file.seek(4)
    stated = int.from_bytes(file.read(4), "little") + 8
    if abs(stated - end) > 1:  # one byte of padding is often missing, or not counted
        notes.append(f"its RIFF size was ignored ({stated} bytes instead of {end})")
    image = decode(WebPImageFile, splice(file, [b"RIFF" + struct.pack("<I", end - 8), (8, end)]))
    metadata = Metadata(icc=image.info.get("icc_profile"), notes=notes)
    if exif := image.info.get("exif"):
        metadata.add_exif(exif)
    if isinstance(xmp := image.info.get("xmp"), bytes):
        metadata.add_xmp(xmp)
    return image, metadata


def _end_of_chunks(file: BinaryIO) -> int:
    """Where the last chunk that belongs to the format ends.

    Raises:
        PictureError: that is behind the end of the file.
    """
    size, place = size_of(file), 12
    for _ in range(MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or not (head[:4] in CHUNKS or (place + 8 < size and head[:4].isalnum())):
            break
        length = int.from_bytes(head[4:], "little")
        end = place + 8 + length
        if end > size:
            if head[:4] in CHUNKS:
                raise PictureError(TRUNCATED)
            break
        place = min(end + length % 2, size)
    return place
