"""The containers of ``.spz`` files: one gzip stream in versions 1 to 3, one zstd frame for each array in version 4."""

from __future__ import annotations

import struct
import sys
import zlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError

MAGIC = 0x5053474E
HEADER = struct.Struct("<IIIBBBB")
"""Magic, version, count, degree, fractional bits, flags, reserved (version 4: number of streams)."""
HEADER_4_BYTES = 32
STREAM = struct.Struct("<QQ")
"""Version 4: compressed and plain size of a stream."""
MAX_DEGREE = {1: 3, 2: 3, 3: 3, 4: 4}
HAS_RECORDS = 2
"""A flag of version 4: records stand between the header and the table of streams; readers pass over unknown ones."""
RECORD = struct.Struct("<II")
"""Type and length of a record."""
METADATA_TYPE = 0x53480001
"""Of our record, JSON; the upper half is the maker's mark, "SH"."""
EXPANSION, SMALL = 64, 1 << 26
"""A file may expand to this many times its size, or to ``SMALL`` bytes if that is more; real files stay below 5."""
GZIP = b"\x1f\x8b"
Bytes = npt.NDArray[np.uint8]


class Arrays(NamedTuple):
    """The arrays of a file and what its header says of them."""

    rows: int
    degree: int
    bits: int
    version: int
    arrays: list[Bytes]


def load_zstd() -> Any:
    """The standard library's module for zstd, or before Python 3.14 the same as a package.

    Raises:
        SharpError: there is none.
    """
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        return zstd
    except ImportError as error:
        raise SharpError(".spz version 4 needs zstd (pip install backports.zstd)") from error


def array_bytes(count: int, degree: int, version: int) -> list[int]:
    """Sizes of the arrays: positions, alphas, colors, scales, rotations, harmonics."""
    coefficients = (degree + 1) ** 2 - 1
    each = [6 if version == 1 else 9, 1, 3, 3, 3 if version < 3 else 4, 3 * coefficients]
    return [count * size for size in each]


def check_header(content: bytes, file_bytes: int) -> tuple[int, int, int, int]:
    """Count, degree, fractional bits and version of a header whose arrays can be in a file of this size."""
    if len(content) < HEADER.size:
        raise SharpError("it ends in its header")
    magic, version, count, degree, bits, _, _ = HEADER.unpack_from(content)
    if magic != MAGIC:
        raise SharpError("it does not start as an .spz file")
    if version not in MAX_DEGREE:
        raise SharpError(f".spz version {version} is unknown (sharp reads 1 to 4)")
    if degree > MAX_DEGREE[version] or bits > 24:
        raise SharpError(f"damaged .spz file: degree {degree}, {bits} fractional bits")
    if sum(array_bytes(count, degree, version)) > max(SMALL, EXPANSION * file_bytes):
        raise SharpError(f"damaged .spz file: {count:,} Gaussians cannot be in {file_bytes:,} bytes")
    return count, degree, bits, version


def unzip(content: bytes) -> Arrays:
    stream = zlib.decompressobj(wbits=31)
    try:
        head = stream.decompress(content, HEADER.size)
        count, degree, bits, version = check_header(head, len(content))
        sizes = array_bytes(count, degree, version)
        # One byte more than promised shows a file that holds more.
        body = stream.decompress(stream.unconsumed_tail, sum(sizes) + 1)
    except zlib.error as error:
        raise SharpError(f"damaged .spz file: {error}") from error
    if len(body) != sum(sizes):
        raise SharpError(f"damaged .spz file: {len(body):,} bytes instead of {sum(sizes):,}")
    ends = np.cumsum(sizes)
    arrays = [np.frombuffer(body, np.uint8, size, end - size) for size, end in zip(sizes, ends, strict=True)]
    return Arrays(count, degree, bits, version, arrays)


def unpack_streams(content: bytes) -> Arrays:
    count, degree, bits, version = check_header(content, len(content))
    if version != 4 or len(content) < HEADER_4_BYTES:
        raise SharpError("damaged .spz file: only version 4 is not compressed as a whole")
    sizes = [size for size in array_bytes(count, degree, version) if size]
    table = check_streams(content, len(content), sizes)
    at = end_of_table(content)
    zstd, arrays = load_zstd(), []
    for (small, _), expected in zip(table, sizes, strict=True):
        arrays.append(_decompress(zstd, content[at : at + small], expected))
        at += small
    arrays += [np.zeros(0, np.uint8)] * (6 - len(arrays))
    return Arrays(count, degree, bits, version, arrays)


def end_of_table(start: bytes) -> int:
    """Where the table of streams ends in a version 4 file."""
    if len(start) < HEADER_4_BYTES:
        return 0
    table: int = struct.unpack_from("<I", start, 16)[0]
    return table + start[15] * STREAM.size


def check_streams(start: bytes, file_bytes: int, sizes: list[int] | None = None) -> list[tuple[int, int]]:
    """Compressed and plain size of each stream of a version 4 file, all of which are in it.

    Args:
        start: the file's first bytes.
        sizes: of the arrays that must be in the streams. Default: any.
    """
    end = end_of_table(start)
    streams = start[15] if end else 0
    if not HEADER_4_BYTES <= end <= len(start) or streams != (len(sizes) if sizes is not None else streams):
        raise SharpError(f"damaged .spz file: its {streams} streams do not fit")
    found = [STREAM.unpack_from(start, end - (streams - index) * STREAM.size) for index in range(streams)]
    if end + sum(small for small, _ in found) > file_bytes or (sizes is not None and [p for _, p in found] != sizes):
        raise SharpError("damaged .spz file: a stream's size does not fit")
    return found


def pack_record(content: bytes) -> bytes:
    """Our record of a version 4 file."""
    return RECORD.pack(METADATA_TYPE, len(content)) + content


def find_record(start: bytes) -> bytes:
    """The content of our record in a version 4 file that :func:`check_streams` passed; nothing if there is none."""
    at, end = HEADER_4_BYTES, struct.unpack_from("<I", start, 16)[0]
    while start[14] & HAS_RECORDS and at + RECORD.size <= end:
        kind, length = RECORD.unpack_from(start, at)
        if kind == METADATA_TYPE:
            return start[at + RECORD.size : min(at + RECORD.size + length, end)]
        at += RECORD.size + length
    return b""


def _decompress(zstd: Any, content: bytes, expected: int) -> Bytes:
    """At most ``expected`` bytes of one zstd frame, whatever its header declares."""
    try:
        plain = zstd.ZstdDecompressor().decompress(content, max_length=expected + 1)
    except zstd.ZstdError as error:
        raise SharpError(f"damaged .spz file: {error}") from error
    if len(plain) != expected:
        raise SharpError(f"damaged .spz file: a stream of {len(plain):,} bytes instead of {expected:,}")
    return np.frombuffer(plain, np.uint8)
