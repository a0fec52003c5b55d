"""Animated WebP, lossy, with alpha if the frames have it.

libav's muxer writes no metadata, so the comment is added to the finished file: as XMP, the format's kind of metadata
(developers.google.com/speed/webp/docs/riff_container).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import escape, unescape

import av
from av.codec.codec import UnknownCodecError

from sharp_cli.errors import SharpError
from sharp_cli.render.encode.frame import Frame, kind_of

OPTIONS = {"quality": "85", "compression_level": "2"}
"""libwebp's default level of 4 takes 1.7 times as long for files 4 % smaller."""

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
    '<rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>'
)
DESCRIPTION = re.compile(rb'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">([^<]*)</rdf:li>')

HAS_XMP = 0x04
"""In the first byte of the VP8X chunk."""


def write_webp(path: Path, frames: Iterator[Frame], *, rate: Fraction, loop: bool, comment: str) -> None:
    """Encode (H, W, 3) or (H, W, 4) frames."""
    first = next(frames)
    height, width = first.shape[:2]
    source = "rgba" if kind_of(first) == "rgba" else "rgb24"
    with av.open(str(path), "w", format="webp", options={"loop": "0" if loop else "1"}) as container:
        try:
            stream = container.add_stream("libwebp_anim", rate=rate, options=OPTIONS)
        except UnknownCodecError as error:
            raise SharpError("the installed PyAV cannot write WebP (choose mp4, gif or png)") from error
        stream.width, stream.height, stream.pix_fmt = width, height, "bgra"
        for index, frame in enumerate(chain([first], frames)):
            picture = av.VideoFrame.from_ndarray(frame, format=source).reformat(format="bgra")
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    _add_comment(path, width, height, comment)


def read_webp_comment(path: Path) -> str | None:
    """The XMP description.

    Raises:
        SharpError: not a WebP file, or truncated.
    """
    with path.open("rb") as file:
        for kind, place, length in _chunks(path, file):
            if kind == b"XMP ":
                file.seek(place)
                match = DESCRIPTION.search(file.read(length))
                return unescape(match[1].decode("utf-8", "replace")) if match else None
    return None


def _add_comment(path: Path, width: int, height: int, comment: str) -> None:
    with path.open("r+b") as file:
        kind, place, _ = next(_chunks(path, file))
        if kind == b"VP8X":
            file.seek(place)
            flags = file.read(1)[0]
            file.seek(place)
            file.write(bytes([flags | HAS_XMP]))
        else:  # a single opaque image has no header for further chunks yet
            size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
            file.seek(12)
            picture = file.read()
            file.seek(12)
            file.write(_chunk(b"VP8X", bytes([HAS_XMP, 0, 0, 0]) + size) + picture)
        file.seek(0, 2)
        file.write(_chunk(b"XMP ", XMP.format(escape(comment)).encode()))
        length = file.tell() - 8
        file.seek(4)
        file.write(length.to_bytes(4, "little"))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)


def _chunks(path: Path, file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Kind, offset and length of each chunk's data, if the file is complete."""
    size = path.stat().st_size
    header = file.read(12)
    complete = header[:4] == b"RIFF" and header[8:] == b"WEBP" and int.from_bytes(header[4:8], "little") + 8 == size
    place = 12
    while complete and place < size:
        file.seek(place)
        header = file.read(8)
        length = int.from_bytes(header[4:], "little")
        yield header[:4], place + 8, length
        place += 8 + length + length % 2
    if place != size:
        raise SharpError(f"cannot read {path}: not a complete WebP file (render it again)")
