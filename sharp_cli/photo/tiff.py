"""TIFF files: the first directory is checked, and rebuilt where a fault lies beside the picture (TIFF 6.0)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import TiffImageFile

from sharp_cli.photo.decoding import TRUNCATED, PictureError, decode
from sharp_cli.photo.exif import read_exif
from sharp_cli.photo.ifd import Directory, Entry, Header, read_directory, read_header, read_value, size_of
from sharp_cli.photo.metadata import Metadata
from sharp_cli.photo.spliced import splice

DNG_VERSION = 0xC612
"""Tag of Adobe's raw files, which phones write too."""
SUB_DIRECTORIES = 0x014A
"""Tag that leads from a raw photo's preview to the raw picture."""

BESIDE = frozenset(
    {
        *(Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist, Base.Copyright),
        *(Base.DocumentName, Base.PageName, Base.HostComputer, Base.XResolution, Base.YResolution, Base.InkNames),
        *(700, 0x83BB, 0x8649, 0x935C, IFD.GPSInfo),  # XMP, IPTC, Photoshop twice
    }
)
"""Tags whose loss changes neither pixels, colors, nor focal length. Private ones (from 32768 on) count too, but for
the profile and EXIF."""

FIRST_PRIVATE = 0x8000
ICC_PROFILE = 0x8773


def read_tiff(file: BinaryIO) -> tuple[Image.Image, Metadata]:
    """The decoded first page of a TIFF file, upright already, and what the file says beside it."""
    header = read_header(file)
    if header is None:
        raise PictureError("file is damaged (no TIFF header)")
    metadata = Metadata()
    start, directory = _choose_page(file, header, metadata)
    broken = _check(file, header, directory, metadata)
    if broken is not None:
        image = decode(TiffImageFile, _rebuilt(file, header, broken))
    elif start != header.first:
        image = decode(TiffImageFile, _rebuilt(file, header, directory.entries))
    else:
        image = decode(TiffImageFile, file)
    metadata.exif = read_exif(file)  # Pillow turns TIFFs upright by itself
    metadata.icc = image.info.get("icc_profile")
    return image, metadata


def _choose_page(file: BinaryIO, header: Header, metadata: Metadata) -> tuple[int, Directory]:
    """Offset and content of the first directory, or of the second if the first is its reduced copy."""
    directory = read_directory(file, header, header.first)
    tags = {entry.tag: entry for entry in directory.entries}
    reduced = _number(file, header, tags.get(Base.NewSubfileType)) & 1
    if DNG_VERSION in tags or (reduced and SUB_DIRECTORIES in tags):
        raise PictureError("file is a raw photo that begins with a small preview (develop it to JPEG or TIFF)")
    if reduced:
        pointer = Entry(0, 16 if header.big else 4, 1, directory.end, 0, b"")
        following = read_value(file, header, pointer)
        if following and following != header.first:
            page = read_directory(file, header, following)
            more = {entry.tag: entry for entry in page.entries}
            sizes = [
                _number(file, header, of.get(Base.ImageWidth)) * _number(file, header, of.get(Base.ImageLength))
                for of in (tags, more)
            ]
            if not _number(file, header, more.get(Base.NewSubfileType)) & 1 and sizes[1] > sizes[0]:
                metadata.notes.append("its first page is a reduced copy; the second was read")
                return following, page
    return header.first, directory


def _check(file: BinaryIO, header: Header, directory: Directory, metadata: Metadata) -> list[Entry] | None:
    """Entries to rebuild the directory from; None if it is sound.

    Raises:
        PictureError: pixels, or what they need, are missing.
    """
    size = size_of(file)
    if directory.stated == 0 or directory.end > size:
        raise PictureError(TRUNCATED)
    tags = {entry.tag: entry for entry in directory.entries}
    if strips := tags.get(Base.StripOffsets):
        rows = _number(file, header, tags.get(Base.RowsPerStrip)) or 1 << 32
        if strips.values * rows < _number(file, header, tags.get(Base.ImageLength)):
            raise PictureError(TRUNCATED)
    outside = {entry.tag for entry in directory.entries if entry.offset + entry.size > size}
    for tag in outside:
        if tag not in BESIDE and (tag < FIRST_PRIVATE or tag in (ICC_PROFILE, IFD.Exif)):
            raise PictureError(TRUNCATED)
        metadata.notes.append(f"its TIFF tag {tag} was ignored (outside the file)")
    endless = directory.end + (8 if header.big else 4) > size
    if endless:
        metadata.notes.append("its pointer to a next directory is missing")
    return [entry for entry in directory.entries if entry.tag not in outside] if outside or endless else None


def _number(file: BinaryIO, header: Header, entry: Entry | None) -> int:
    value = None if entry is None else read_value(file, header, entry)
    return value if isinstance(value, int) else 0


def _rebuilt(file: BinaryIO, header: Header, entries: list[Entry]) -> BinaryIO:
    """The file with one more directory at its end, of these entries, as its first and only one."""
    size = size_of(file)
    place = size + size % 2
    count, pointer = ("Q", "Q") if header.big else ("H", "I")
    file.seek(0)
    length = 8 if header.big else 4
    head = file.read(length) + struct.pack(header.order + pointer, place)
    directory = struct.pack(header.order + count, len(entries)) + b"".join(entry.raw for entry in entries)
    return splice(file, [head, (len(head), size), b"\0" * (place - size) + directory + b"\0" * length])
