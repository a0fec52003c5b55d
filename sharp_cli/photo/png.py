"""PNG files: the chunks that make the picture go to Pillow, those beside it are judged one by one.

Chunk rules: PNG specification, third edition. A broken ancillary chunk is skipped with a note.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from sharp_cli.photo.decoding import PictureError, decode
from sharp_cli.photo.encoding import from_code_points, from_gamma
from sharp_cli.photo.ifd import size_of
from sharp_cli.photo.metadata import Metadata
from sharp_cli.photo.spliced import Piece, splice

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\0\0\0\0IEND\xaeB\x60\x82"

MOST_CHUNKS = 500_000
"""A guard: files of empty chunks would take minutes."""
PROFILE_BYTES = 1 << 24
"""Most that a color profile may unpack to."""
TEXT_BYTES = 1 << 20
"""Most that all text of a file may unpack to; the rest stays packed and unread."""
CHECKED_BYTES = 1 << 26
"""Larger chunks beside the picture are not read at all."""

LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"pHYs": 9, b"tIME": 7}
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
READ = {*LENGTHS, *TEXTS, b"iCCP", b"eXIf", b"tRNS"}

TRANSPARENCY_LENGTHS = {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}
"""By color type; the others have an alpha channel instead."""

RAW_EXIF = ("Raw profile type exif", "Raw profile type APP1")
"""ImageMagick's and old exiftool's way to put EXIF into a text."""
XMP = "XML:com.adobe.xmp"


class Chunk(NamedTuple):
    """Where a chunk is: ``start`` of its length field, ``length`` of its body."""

    kind: bytes
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + 12 + self.length


def read_png(file: BinaryIO) -> tuple[Image.Image, Metadata]:
    """The decoded default image of a PNG, and what the file says beside it."""
    metadata = Metadata()
    size = size_of(file)
    pieces: list[Piece] = [SIGNATURE]
    beside: dict[bytes, bytes] = {}
    texts = _Texts()
    color_type = -1
    for chunk in _chunks(file, size):
        if chunk.kind == b"IHDR":
            color_type = _color_type(file, chunk)
        if chunk.kind in (b"IHDR", b"IDAT") or (chunk.kind == b"PLTE" and color_type == 3):
            pieces.append((chunk.start, min(chunk.end, size)))
        elif chunk.kind in READ and (body := _body(file, chunk, metadata)) is not None:
            if chunk.kind == b"tRNS":
                if len(body) in TRANSPARENCY_LENGTHS.get(color_type, ()):
                    pieces.append((chunk.start, chunk.end))
                else:
                    metadata.notes.append("its tRNS chunk was ignored (malformed)")
            elif chunk.kind in TEXTS:
                texts.add(chunk.kind, body, metadata)
            else:
                beside.setdefault(chunk.kind, body)
        if chunk.kind == b"IEND":
            break
    else:
        metadata.notes.append("its end marker (IEND) is missing")
    pieces.append(END)
    image = decode(PngImageFile, splice(file, pieces))
    if (block := beside.get(b"eXIf") or texts.exif) is not None:
        metadata.add_exif(block)
    if texts.xmp is not None:
        metadata.add_xmp(texts.xmp)
    _declare_color(beside, metadata)
    return image, metadata


def _chunks(file: BinaryIO, size: int) -> Iterator[Chunk]:
    """The chunks up to the end of the file or to something that is none."""
    place = len(SIGNATURE)
    for _ in range(MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or not head[4:].isalpha():
            return
        chunk = Chunk(head[4:], place, int.from_bytes(head[:4], "big"))
        yield chunk
        place = chunk.end
        if place > size:
            return
    raise PictureError(f"it has more than {MOST_CHUNKS} chunks")


def _color_type(file: BinaryIO, chunk: Chunk) -> int:
    file.seek(chunk.start + 17)
    return next(iter(file.read(1)), -1)


def _body(file: BinaryIO, chunk: Chunk, metadata: Metadata) -> bytes | None:
    """What a chunk beside the picture holds; None, with a note, if it is broken."""
    name = chunk.kind.decode()
    if chunk.length > CHECKED_BYTES:
        metadata.notes.append(f"its {name} chunk was ignored ({chunk.length >> 20} MB)")
        return None
    file.seek(chunk.start + 8)
    body, checksum = file.read(chunk.length), file.read(4)
    if len(body) < chunk.length or zlib.crc32(chunk.kind + body).to_bytes(4, "big") != checksum:
        metadata.notes.append(f"its {name} chunk was ignored (wrong checksum)")
        return None
    if len(body) != LENGTHS.get(chunk.kind, len(body)):
        metadata.notes.append(f"its {name} chunk was ignored ({len(body)} bytes instead of {LENGTHS[chunk.kind]})")
        return None
    return body


class _Texts:
    """EXIF and XMP out of text chunks, unpacking no more than ``TEXT_BYTES`` of a file."""

    def __init__(self) -> None:
        self.left = TEXT_BYTES
        self.exif: bytes | None = None
        self.xmp: bytes | None = None

    def add(self, kind: bytes, body: bytes, metadata: Metadata) -> None:
        if self.left <= 0:
            return
        try:
            keyword, text = _split_text(kind, body, self.left)
        except (ValueError, zlib.error) as error:
            metadata.notes.append(f"its {kind.decode()} chunk was ignored ({error})")
            return
        self.left -= len(text)
        if self.left <= 0:
            metadata.notes.append(f"its text beyond {TEXT_BYTES >> 20} MB was ignored")
        elif keyword in RAW_EXIF and self.exif is None:
            self.exif = _raw_profile(text)
        elif keyword == XMP and self.xmp is None:
            self.xmp = text


def _split_text(kind: bytes, body: bytes, limit: int) -> tuple[str, bytes]:
    """Keyword and text of a text chunk, cut at a limit.

    Raises:
        ValueError, zlib.error: it is malformed.
    """
    keyword, zero, rest = body.partition(b"\0")
    if not zero or not 1 <= len(keyword) <= 79:
        raise ValueError("no keyword")
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        flags, rest = rest[:2], rest[2:]
        if len(flags) < 2 or rest.count(b"\0") < 2:
            raise ValueError("too short")
        packed = flags[0] == 1
        rest = (flags[1:] if packed else b"") + rest.split(b"\0", 2)[2]
    if packed:
        if rest[:1] != b"\0":
            raise ValueError("unknown compression")
        rest = zlib.decompressobj().decompress(rest[1:], limit)
    return keyword.decode("latin-1"), rest[:limit]


def _raw_profile(text: bytes) -> bytes | None:
    """The bytes in ImageMagick's form: a line break, a name, the length, then hexadecimal digits."""
    match = re.match(rb"\s*\S+\s+(\d+)\s+([0-9a-fA-F\s]*)", text)
    if match is None:
        return None
    digits = b"".join(match[2].split())
    return bytes.fromhex(digits[: len(digits) // 2 * 2].decode())[: int(match[1][:9])]


def _declare_color(beside: dict[bytes, bytes], metadata: Metadata) -> None:
    """cICP goes before iCCP, that before sRGB, and that before gAMA and cHRM (PNG specification §4.3)."""
    if (body := beside.get(b"cICP")) is not None:
        primaries, transfer, matrix, full = body
        try:
            if matrix != 0:
                raise ValueError(f"matrix {matrix}")
            metadata.encoding = from_code_points(primaries, transfer, full != 0)
            return
        except ValueError as error:
            metadata.notes.append(f"its cICP chunk was ignored ({error})")
    if (body := beside.get(b"iCCP")) is not None:
        try:
            metadata.icc = _unpack_profile(body)
            return
        except (ValueError, zlib.error) as error:
            metadata.notes.append(f"its color profile was ignored ({error})")
    if b"sRGB" in beside:
        metadata.encoding = from_code_points(1, 13)
        return
    gamma, chromaticities = beside.get(b"gAMA"), beside.get(b"cHRM")
    if gamma is None and chromaticities is None:
        return
    numbers = None if chromaticities is None else tuple(n / 1e5 for n in struct.unpack(">8I", chromaticities))
    try:
        metadata.encoding = from_gamma(None if gamma is None else int.from_bytes(gamma, "big") / 1e5, numbers)
    except ValueError as error:
        metadata.notes.append(f"its gAMA and cHRM chunks were ignored ({error})")


def _unpack_profile(body: bytes) -> bytes:
    _, zero, rest = body.partition(b"\0")
    if not zero or rest[:1] != b"\0":
        raise ValueError("unknown compression")
    unpacker = zlib.decompressobj()
    profile = unpacker.decompress(rest[1:], PROFILE_BYTES)
    if not unpacker.eof:
        raise ValueError(f"more than {PROFILE_BYTES >> 20} MB" if unpacker.unconsumed_tail else "cut short")
    return profile
