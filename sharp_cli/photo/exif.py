"""What a photo's EXIF and XMP say that we use: orientation, camera, focal length, and color space."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any, BinaryIO

from PIL.ExifTags import IFD, Base

from sharp_cli.photo.focal_evidence import FOCAL_TAGS
from sharp_cli.photo.ifd import read_directory, read_header, read_value

INTEROP_INDEX = 1
"""In the interoperability directory: R98 for sRGB, R03 for Adobe RGB (DCF 2.0 §4)."""

ADOBE_RGB = 2
"""A value of ColorSpace that EXIF does not define but that many cameras write."""

WANTED = frozenset({Base.Orientation, Base.ColorSpace, *FOCAL_TAGS})

XMP_BYTES = 1 << 22
"""More of a packet is not searched."""

_XMP_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])\b""")


def read_exif(file: BinaryIO) -> dict[int, Any]:
    """Tags by number from a TIFF file or an EXIF block, in whichever of its directories the writer put them.

    Args:
        file: starts with the TIFF header.

    Returns:
        The tags of ``WANTED`` and ``INTEROP_INDEX`` that could be read; none for a broken block.
    """
    header = read_header(file)
    if header is None:
        return {}
    found: dict[int, Any] = {}
    main = _read_tags(file, found, header.first, WANTED | {IFD.Exif})
    inner = _read_tags(file, found, main.get(IFD.Exif), WANTED | {IFD.Interop})
    _read_tags(file, found, inner.get(IFD.Interop), {INTEROP_INDEX})
    return found


def read_exif_block(data: bytes) -> dict[int, Any]:
    """Like :func:`read_exif` for bytes, with or without the ``Exif`` marker of JPEG in front."""
    data = data.removeprefix(b"Exif\0\0")
    starts = [place for mark in (b"II*\0", b"MM\0*") if (place := data[:64].find(mark)) >= 0]
    return read_exif(io.BytesIO(data[min(starts) :])) if starts else {}


def xmp_orientation(xmp: bytes) -> int | None:
    """The orientation in an XMP packet, 1 to 8."""
    match = _XMP_ORIENTATION.search(xmp[:XMP_BYTES])
    return int(match[1]) if match else None


def says_adobe_rgb(exif: Mapping[int, Any]) -> bool:
    """Whether EXIF says Adobe RGB: by its color space, or by R03 where the color space is not sRGB (1)."""
    space = exif.get(Base.ColorSpace)
    return space == ADOBE_RGB or (space != 1 and exif.get(INTEROP_INDEX) == "R03")


def _read_tags(file: BinaryIO, found: dict[int, Any], offset: Any, wanted: frozenset[int] | set[int]) -> dict[int, Any]:
    """Add a directory's wanted tags to those found before, which count more; returns the directory's own."""
    header = read_header(file)
    if header is None or not isinstance(offset, int):
        return {}
    here: dict[int, Any] = {}
    for entry in read_directory(file, header, offset).entries:
        if entry.tag in wanted and entry.tag not in here:
            value = read_value(file, header, entry)
            if value is not None:
                here[entry.tag] = value
    for tag, value in here.items():
        found.setdefault(tag, value)
    return here
