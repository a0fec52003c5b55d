"""The color box of HEIC and AVIF files, which their decoders do not apply (ISO 14496-12 and 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from sharp_cli.photo.encoding import ColorEncoding, from_code_points

META_BYTES = 1 << 24
"""Most of a ``meta`` box that is read."""
MOST_BOXES = 10_000


def read_color_box(file: BinaryIO) -> ColorEncoding | None:
    """The encoding in the primary item's ``nclx`` color box; None if there is none.

    Raises:
        ValueError: it has unknown code points.
    """
    meta = _find_meta(file)
    boxes = dict(reversed(list(_boxes(meta[4:]))))
    properties = dict(_boxes(boxes.get(b"iprp", b"")))
    wanted = _primary_properties(boxes.get(b"pitm", b""), properties.get(b"ipma", b""))
    colors = [
        body
        for number, (kind, body) in enumerate(_boxes(properties.get(b"ipco", b"")), 1)
        if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 11 and (wanted is None or number in wanted)
    ]
    if not colors:
        return None
    primaries, transfer = struct.unpack(">HH", colors[0][4:8])
    return from_code_points(primaries, transfer)  # the decoder has widened the range already


def _find_meta(file: BinaryIO) -> bytes:
    place = 0
    for _ in range(MOST_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return b""
        size, kind = struct.unpack(">I4s", head[:8])
        start = 8
        if size == 1 and len(head) == 16:
            size, start = struct.unpack(">Q", head[8:])[0], 16
        if kind == b"meta":
            file.seek(place + start)
            return (
                file.read(min(size - start, META_BYTES) if size else META_BYTES) if size == 0 or size > start else b""
            )
        if size < 8 or place + size >= 1 << 62:
            return b""
        place += size
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of the boxes in another's body."""
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if size == 0:
            size = len(data) - place
        if size < 8:
            return
        yield kind, data[place + 8 : place + size]
        place += size


def _primary_properties(pitm: bytes, ipma: bytes) -> set[int] | None:
    """Numbers, from 1, of the properties of the primary item; None if the boxes do not say."""
    try:
        wide = pitm[0] > 0
        primary = int.from_bytes(pitm[4:8] if wide else pitm[4:6], "big")
        version, long = ipma[0], ipma[3] & 1
        (count,) = struct.unpack_from(">I", ipma, 4)
        place = 8
        for _ in range(count):
            width = 2 if version < 1 else 4
            item = int.from_bytes(ipma[place : place + width], "big")
            number = ipma[place + width]
            place += width + 1
            step = 2 if long else 1
            values = [int.from_bytes(ipma[i : i + step], "big") for i in range(place, place + step * number, step)]
            if item == primary:
                return {value & (0x7FFF if long else 0x7F) for value in values}
            place += step * number
    except (IndexError, struct.error):
        pass
    return None
