"""JPEG files: the segments that make the picture go to Pillow, those beside it are read here.

Segments: ITU-T T.81 annex B, JFIF 1.02, Adobe technical note 5116 (APP14), ICC.1 annex B.4 (APP2).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from sharp_cli.photo.decoding import TRUNCATED, PictureError, decode
from sharp_cli.photo.ifd import size_of
from sharp_cli.photo.metadata import Metadata
from sharp_cli.photo.spliced import Piece, splice

START, END = b"\xff\xd8", b"\xff\xd9"
APP0, APP1, APP2, APP14, SCAN = 0xE0, 0xE1, 0xE2, 0xEE, 0xDA
TABLES = {*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD}
"""Markers of frames and tables, without which there is no picture."""
ALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a body."""
PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
FRAMES = TABLES - {0xC4, 0xC8, 0xCC, 0xDB, 0xDC, 0xDD}

EXIF, XMP, ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"

BLOCK = 1 << 16
FILL_BYTES = 1 << 12


@dataclass
class _Beside:
    """What segments beside the picture hold."""

    exif: bytes = b""
    xmp: bytes = b""
    icc: dict[int, bytes] = field(default_factory=dict)
    icc_parts: int = 0
    notes: list[str] = field(default_factory=list)
    frame: tuple[int, bytes] = (0, b"")
    """Marker and body of the frame header."""


def read_jpeg(file: BinaryIO) -> tuple[Image.Image, Metadata]:
    """The decoded first picture of a JPEG or MPO file, and what the file says beside it."""
    beside = _Beside()
    size = size_of(file)
    pieces: list[Piece] = [START]
    scan = size
    for marker, start, end in _segments(file, size):
        if marker == SCAN:
            scan = start
            break
        if marker in TABLES or _is_needed(file, marker, start, end, beside):
            pieces.append((start, end))
        if marker in FRAMES:
            beside.frame = (marker, _read(file, start, end))
    try:
        image: Image.Image = decode(JpegImageFile, splice(file, [*pieces, (scan, size)]))
    except OSError as error:
        if "truncated" not in str(error):
            raise
        image = _decode_without_end(file, pieces, scan, size, beside)
        beside.notes.append("its end marker (EOI) is missing")
    return image, _metadata(beside)


def _segments(file: BinaryIO, size: int) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of the segments up to the first scan's header; junk between them is skipped."""
    place = len(START)
    while place < size:
        file.seek(place)
        block = file.read(BLOCK)
        skip = block.find(b"\xff")
        if skip != 0:
            place += len(block) if skip < 0 else skip
            continue
        fill = len(block) - len(block.lstrip(b"\xff"))
        if fill == len(block):
            place += max(1, fill - 1) if fill > 1 else 1
            continue
        start, marker = place + fill - 1, block[fill]
        if marker == 0 or marker in ALONE:
            place = start + 2
            continue
        file.seek(start + 2)
        length = int.from_bytes(file.read(2), "big")
        end = start + 2 + max(length, 2)
        yield marker, start, min(end, size)
        place = end


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    """The body of a segment."""
    file.seek(start + 4)
    return file.read(max(0, end - start - 4))


def _is_needed(file: BinaryIO, marker: int, start: int, end: int, beside: _Beside) -> bool:
    """Whether the decoder needs an application segment; those it does not need are read or skipped."""
    if marker not in (APP0, APP1, APP2, APP14):
        return False
    body = _read(file, start, end)
    for app, name, least in ((APP0, b"JFIF\0", 12), (APP14, b"Adobe", 12)):
        if marker == app and body.startswith(name):
            if len(body) >= least:
                return True
            beside.notes.append(f"its APP{app - APP0} segment was ignored (too short)")
    if marker == APP1 and body.startswith(EXIF):
        beside.exif += body if not beside.exif else body.removeprefix(EXIF)
    elif marker == APP1 and body.startswith(XMP) and not beside.xmp:
        beside.xmp = body.removeprefix(XMP)
    elif marker == APP2 and body.startswith(ICC) and len(body) > len(ICC) + 2:
        number, parts = body[len(ICC) : len(ICC) + 2]
        beside.icc.setdefault(number, body[len(ICC) + 2 :])
        beside.icc_parts = max(beside.icc_parts, parts)
    return False


def _metadata(beside: _Beside) -> Metadata:
    metadata = Metadata(notes=beside.notes)
    if beside.exif:
        metadata.add_exif(beside.exif)
    if beside.xmp:
        metadata.add_xmp(beside.xmp)
    if beside.icc:
        numbers = sorted(beside.icc)
        if numbers in (list(range(1, beside.icc_parts + 1)), list(range(beside.icc_parts))):
            metadata.icc = b"".join(beside.icc[number] for number in numbers)
        else:
            found = f"{len(numbers)} of {beside.icc_parts} parts"
            metadata.notes.append(f"its color profile was ignored ({found})")
    return metadata


def _decode_without_end(file: BinaryIO, pieces: list[Piece], scan: int, size: int, beside: _Beside) -> Image.Image:
    """Decode a picture whose end marker is missing.

    All of it is there if its pixels do not depend on what might follow: it is decoded with nothing and with noise
    behind it.

    Raises:
        PictureError: it is cut off.
    """
    cut = PictureError(TRUNCATED)
    file.seek(scan)
    data = file.read(size - scan)
    if not _has_all_scans(data, beside.frame):
        raise cut
    end = scan + len(data.rstrip(b"\xff"))
    pictures = []
    for seed in (None, 1, 2):
        noise = b"" if seed is None else bytes(random.Random(seed).choices(range(255), k=FILL_BYTES))
        pictures.append(decode(JpegImageFile, splice(file, [*pieces, (scan, end), noise, END])))
        if pictures[-1].tobytes() != pictures[0].tobytes():
            raise cut
    return pictures[0]


def _has_all_scans(data: bytes, frame: tuple[int, bytes]) -> bool:
    """Whether scan headers cover every component, and in progressive files every coefficient to its last bit."""
    marker, body = frame
    components = set(body[6::3][: body[5]]) if len(body) > 5 else set()
    missing = {(each, k) for each in components for k in (range(64) if marker in PROGRESSIVE else (0,))}
    for match in re.finditer(rb"\xff\xda(..)", data, re.DOTALL):
        header = data[match.end() : match.start() + 2 + int.from_bytes(match[1], "big")]
        if len(header) < 4 or len(header) < 4 + 2 * header[0]:
            continue
        first, last, bits = header[-3:]
        if marker not in PROGRESSIVE:
            first, last, bits = 0, 0, 0
        if bits & 15 == 0:
            missing -= {(each, k) for each in header[1 : 1 + 2 * header[0] : 2] for k in range(first, last + 1)}
    return bool(components) and not missing
