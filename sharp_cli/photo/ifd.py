"""Directories of TIFF files and EXIF blocks, read tolerantly: a broken entry costs only itself.

Pillow's own reader reduces fractions, whose terms are evidence in Canon's files, and gives up a whole directory for
one bad offset.
"""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO, NamedTuple

from PIL.TiffImagePlugin import IFDRational

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value by its type."""

CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""struct's letters for the types that hold plain numbers."""

ASCII, RATIONAL, SIGNED_RATIONAL = 2, 5, 10

LONGEST_TEXT = 1024
MOST_ENTRIES = 4096


class Header(NamedTuple):
    """How to read the rest of a TIFF structure."""

    order: str
    """``<`` or ``>``, as struct has it."""
    big: bool
    """BigTIFF: 64-bit offsets."""
    first: int
    """Offset of the first directory."""


class Entry(NamedTuple):
    """One tag of a directory."""

    tag: int
    kind: int
    values: int
    """How many numbers, or characters."""
    offset: int
    """Where their bytes start."""
    size: int
    """How many bytes."""
    raw: bytes
    """The entry itself."""


class Directory(NamedTuple):
    """The entries of one directory that could be read."""

    entries: list[Entry]
    stated: int
    """How many there should be."""
    end: int
    """Offset of the pointer to the next directory."""


def read_header(file: BinaryIO) -> Header | None:
    """The header at the start of a file; None if it is no TIFF structure."""
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    magic, first = struct.unpack(f"{order}HI", head[2:8])
    if magic == 43 and len(head) == 16:
        return Header(order, True, struct.unpack(f"{order}Q", head[8:])[0])
    return Header(order, False, first) if magic == 42 else None


def read_directory(file: BinaryIO, header: Header, offset: int) -> Directory:
    """The directory at an offset. Entries of unknown types and those behind the end of the file are left out."""
    order, big, _ = header
    count_code, entry_code, width = ("Q", "HHQ8s", 20) if big else ("H", "HHI4s", 12)
    stated = _unpack(file, offset, order + count_code)
    if stated is None:
        return Directory([], 0, offset)
    start = offset + struct.calcsize(order + count_code)
    number = stated[0]
    data = file.read(width * min(number, MOST_ENTRIES))
    entries = []
    for place in range(0, len(data) - width + 1, width):
        raw = data[place : place + width]
        tag, kind, values, field = struct.unpack(order + entry_code, raw)
        if kind not in SIZES:
            continue
        size = values * SIZES[kind]
        inline = size <= len(field)
        at = start + place + width - len(field) if inline else struct.unpack(order + ("Q" if big else "I"), field)[0]
        entries.append(Entry(tag, kind, values, at, size, raw))
    return Directory(entries, number, start + width * number)


def read_value(file: BinaryIO, header: Header, entry: Entry) -> Any:
    """An entry's text, or its first number; None if it cannot be read. Fractions keep their terms."""
    if entry.values == 0 or entry.offset >= 1 << 62:
        return None
    if entry.kind == ASCII:
        file.seek(entry.offset)
        return file.read(min(entry.size, LONGEST_TEXT)).split(b"\0")[0].decode("latin-1").strip()
    if entry.kind in (RATIONAL, SIGNED_RATIONAL):
        terms = _unpack(file, entry.offset, header.order + ("II" if entry.kind == RATIONAL else "ii"))
        return None if terms is None else IFDRational(*terms)
    code = CODES.get(entry.kind)
    number = _unpack(file, entry.offset, header.order + code) if code else None
    return None if number is None else number[0]


def _unpack(file: BinaryIO, offset: int, code: str) -> tuple[Any, ...] | None:
    if offset >= 1 << 62:
        return None
    file.seek(offset)
    data = file.read(struct.calcsize(code))
    return struct.unpack(code, data) if len(data) == struct.calcsize(code) else None


def size_of(file: BinaryIO) -> int:
    """Length of a file in bytes."""
    return file.seek(0, io.SEEK_END)
