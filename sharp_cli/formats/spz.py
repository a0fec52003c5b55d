"""``.spz`` (Niantic): 19 to 64 bytes a Gaussian before compression. Writes versions 3 and 4, reads 1 to 4.

Versions 1 to 3 are one gzip stream, version 4 a plain header with one zstd frame for each array. Axes stay as they
are: the format's text says otherwise, but the tools that write and read it do the same.
"""

from __future__ import annotations

import json
import math
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SplatColumns, from_columns, to_columns
from sharp_cli.formats.metadata import parse_metadata, to_metadata, with_metadata
from sharp_cli.formats.quaternions import pack_smallest_three, unpack_smallest_three
from sharp_cli.formats.reading import drop_bad_rows, reading
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.runtime.files import atomic_write

MAGIC = 0x5053474E
HEADER = struct.Struct("<IIIBBBB")
"""Magic, version, count, degree, fractional bits, flags, reserved (version 4: number of streams)."""
HEADER_4_BYTES = 32
STREAM = struct.Struct("<QQ")
"""Version 4: compressed and plain size of a stream."""

FRACTIONAL_BITS, FEWEST_BITS = 12, 8
LARGEST_FIXED = (1 << 23) - 1
MAX_DEGREE = {1: 3, 2: 3, 3: 3, 4: 4}
COLOR_GAIN = 0.15
EXPANSION, SMALL = 64, 1 << 26
"""A file may expand to this many times its size, or to ``SMALL`` bytes if that is more; real files stay below 5."""

GZIP = b"\x1f\x8b"
GZIP_COMMENT = GZIP + bytes([8, 16, 0, 0, 0, 0, 0, 255])
"""The start of a gzip file whose header holds a comment, which ends in a zero byte (RFC 1952)."""
MOST_COMMENT = 1 << 20

Bytes = npt.NDArray[np.uint8]


class Arrays(NamedTuple):
    """The arrays of a file and what its header says of them."""

    rows: int
    degree: int
    bits: int
    version: int
    arrays: list[Bytes]


def write_spz(
    path: str | PathLike[str],
    gaussians: Gaussians,
    provenance: Mapping[str, str] | None = None,
    *,
    version: int = 3,
) -> None:
    """Write an ``.spz`` file.

    Args:
        provenance: how this file is made; kept in version 3.
        version: 3, which every reader knows, or 4, a twentieth smaller.

    Raises:
        SharpError: another version.
        OSError: the file cannot be written.
    """
    if version not in (3, 4):
        raise SharpError(f"cannot write .spz version {version} (choose 3 or 4)")
    columns = to_columns(gaussians, max_degree=MAX_DEGREE[version])
    columns, bits = _fit_positions(columns)
    degree = 0 if columns.sh is None else math.isqrt(columns.sh.shape[1] + 1) - 1
    arrays = [array.tobytes() for array in _encode(columns, bits)]
    if version == 3:
        header = HEADER.pack(MAGIC, 3, len(columns.means), degree, bits, 0, 0)
        content = _zip(b"".join([header, *arrays]), to_metadata(gaussians, provenance))
    else:
        zstd = load_zstd()
        streams = [array for array in arrays if array]
        packed = [zstd.compress(stream) for stream in streams]
        header = HEADER.pack(MAGIC, 4, len(columns.means), degree, bits, 0, len(streams))
        header += struct.pack("<I", HEADER_4_BYTES) + bytes(12)
        sizes = [STREAM.pack(len(small), len(plain)) for small, plain in zip(packed, streams, strict=True)]
        content = b"".join([header, *sizes, *packed])
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(content)


def read_spz(path: str | PathLike[str], warn: Callable[[str], None] = lambda text: None) -> Gaussians:
    """Read an ``.spz`` file of version 1, 2, 3 or 4.

    Raises:
        SharpError: it cannot be read, is not such a file, is damaged, or declares more than its size allows.
    """
    with reading(path) as file:
        content = file.read_bytes()
        if content.startswith(GZIP):
            arrays, metadata = _unzip(content), _read_comment(content)
        elif content.startswith(struct.pack("<I", MAGIC)):
            arrays, metadata = _unpack_streams(content), {}
        else:
            raise SharpError("it does not start as an .spz file")
        return with_metadata(from_columns(drop_bad_rows(_decode(arrays), path, warn)), metadata)


def read_spz_metadata(path: Path) -> dict[str, str]:
    """What :func:`write_spz` stored beside the Gaussians of a complete file; reads its ends alone.

    Raises:
        SharpError: not such a file, or an incomplete one.
    """
    with reading(path) as file, file.open("rb") as stream:
        start = stream.read(MOST_COMMENT + 4096)
        if not start.startswith(GZIP):
            return {}
        stream.seek(max(0, file.stat().st_size - 4))
        (plain,) = struct.unpack("<I", stream.read(4).rjust(4, b"\0"))
        try:
            head = zlib.decompressobj(wbits=31).decompress(start, HEADER.size)
        except zlib.error as error:
            raise SharpError(f"damaged .spz file: {error}") from error
        count, degree, _, version = _check_header(head, file.stat().st_size)
        if plain != (HEADER.size + sum(_array_bytes(count, degree, version))) & 0xFFFFFFFF:
            raise SharpError("damaged .spz file: it ends too early")
        return _read_comment(start)


def load_zstd() -> Any:
    """A module with ``compress`` and ``decompress`` for zstd.

    Raises:
        SharpError: there is none.
    """
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd

            return zstd
        import zstandard

        return zstandard
    except ImportError as error:
        raise SharpError(".spz version 4 needs zstd (pip install zstandard)") from error


def _fit_positions(columns: SplatColumns) -> tuple[SplatColumns, int]:
    """Columns whose positions fit into 24 bits, and the bits of fraction: 12, or down to 8 for scenes beyond 2,048 m.

    What lies beyond 32 km is drawn in along its ray, and made smaller alike, so it looks the same from the origin.
    """
    farthest = float(np.abs(columns.means).max(initial=1.0))
    bits = int(max(FEWEST_BITS, min(FRACTIONAL_BITS, math.floor(math.log2(LARGEST_FIXED / farthest)))))
    ratio = np.minimum(1, LARGEST_FIXED / (1 << bits) / np.maximum(np.abs(columns.means).max(axis=1, initial=0), 1e-9))
    if (ratio < 1).any():
        means, logs = columns.means * ratio[:, None], columns.log_scales + np.log(ratio)[:, None]
        columns = columns._replace(means=means, log_scales=logs)
    return columns, bits


def _encode(columns: SplatColumns, bits: int) -> list[npt.NDArray[Any]]:
    """The arrays in the file's order."""
    fixed = np.rint(columns.means.astype(np.float64) * (1 << bits)).clip(-LARGEST_FIXED - 1, LARGEST_FIXED)
    positions = fixed.astype("<i4").view(np.uint8).reshape(-1, 3, 4)[:, :, :3]
    colors = np.rint(columns.dc * (COLOR_GAIN * 255) + 127.5).clip(0, 255).astype(np.uint8)
    scales = np.rint((columns.log_scales + 10) * 16).clip(0, 255).astype(np.uint8)
    alphas = np.rint(255 * columns.opacities).clip(0, 255).astype(np.uint8)
    rotations = pack_smallest_three(columns.quats[:, (1, 2, 3, 0)])
    arrays: list[npt.NDArray[Any]] = [positions, alphas, colors, scales, rotations.astype("<u4")]
    if columns.sh is not None:
        arrays.append(np.rint(columns.sh * 128 + 128).clip(0, 255).astype(np.uint8))
    return arrays


def _decode(file: Arrays) -> SplatColumns:
    count, degree, bits, version, arrays = file
    positions, alphas, colors, scales, rotations = arrays[:5]
    if version == 1:
        means = positions.view("<f2").astype(np.float32).reshape(count, 3)
    else:
        wide = np.zeros((count * 3, 4), np.uint8)
        wide[:, 1:] = positions.reshape(-1, 3)
        means = ((wide.view("<i4")[:, 0] >> 8) / np.float64(1 << bits)).astype(np.float32).reshape(count, 3)
    if version < 3:
        xyz = rotations.reshape(count, 3) / np.float32(127.5) - 1
        w = np.sqrt(np.maximum(0, 1 - (xyz**2).sum(axis=1, keepdims=True)))
        quats = np.concatenate([w, xyz], axis=1)
    else:
        quats = unpack_smallest_three(rotations.view("<u4"))[:, (3, 0, 1, 2)]
    coefficients = (degree + 1) ** 2 - 1
    sh = None
    if degree:
        sh = (arrays[5].reshape(count, coefficients, 3).astype(np.float32) - 128) / 128
    return SplatColumns(
        means=means,
        log_scales=scales.reshape(count, 3) / np.float32(16) - 10,
        quats=quats.astype(np.float32),
        opacities=alphas / np.float32(255),
        dc=(colors.reshape(count, 3) - np.float32(127.5)) / np.float32(COLOR_GAIN * 255),
        sh=sh,
    )


def _array_bytes(count: int, degree: int, version: int) -> list[int]:
    """Sizes of the arrays: positions, alphas, colors, scales, rotations, harmonics."""
    coefficients = (degree + 1) ** 2 - 1
    each = [6 if version == 1 else 9, 1, 3, 3, 3 if version < 3 else 4, 3 * coefficients]
    return [count * size for size in each]


def _zip(content: bytes, metadata: dict[str, str]) -> bytes:
    """A gzip file with metadata as JSON in its header's comment, where readers pass over it."""
    packer = zlib.compressobj(6, wbits=-15)
    body = packer.compress(content) + packer.flush()
    comment = json.dumps(metadata, ensure_ascii=True).encode() + b"\0"
    return b"".join([GZIP_COMMENT, comment, body, struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)])


def _read_comment(content: bytes) -> dict[str, str]:
    """What :func:`_zip` stored; nothing for other tools' files."""
    if not content.startswith(GZIP_COMMENT[:4]):
        return {}
    start = len(GZIP_COMMENT)
    end = content.find(b"\0", start, start + MOST_COMMENT)
    try:
        metadata = json.loads(content[start : max(end, start)])
    except (ValueError, RecursionError):
        return {}
    return parse_metadata(metadata)


def _check_header(content: bytes, file_bytes: int) -> tuple[int, int, int, int]:
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
    if sum(_array_bytes(count, degree, version)) > max(SMALL, EXPANSION * file_bytes):
        raise SharpError(f"damaged .spz file: {count:,} Gaussians cannot be in {file_bytes:,} bytes")
    return count, degree, bits, version


def _unzip(content: bytes) -> Arrays:
    stream = zlib.decompressobj(wbits=31)
    try:
        head = stream.decompress(content, HEADER.size)
        count, degree, bits, version = _check_header(head, len(content))
        sizes = _array_bytes(count, degree, version)
        # One byte more than promised shows a file that holds more.
        body = stream.decompress(stream.unconsumed_tail, sum(sizes) + 1)
    except zlib.error as error:
        raise SharpError(f"damaged .spz file: {error}") from error
    if len(body) != sum(sizes):
        raise SharpError(f"damaged .spz file: {len(body):,} bytes instead of {sum(sizes):,}")
    ends = np.cumsum(sizes)
    arrays = [np.frombuffer(body, np.uint8, size, end - size) for size, end in zip(sizes, ends, strict=True)]
    return Arrays(count, degree, bits, version, arrays)


def _unpack_streams(content: bytes) -> Arrays:
    count, degree, bits, version = _check_header(content, len(content))
    if version != 4 or len(content) < HEADER_4_BYTES:
        raise SharpError("damaged .spz file: only version 4 is not compressed as a whole")
    streams, start = content[15], struct.unpack_from("<I", content, 16)[0]
    sizes = [size for size in _array_bytes(count, degree, version) if size]
    at = start + streams * STREAM.size
    if streams != len(sizes) or at > len(content):
        raise SharpError(f"damaged .spz file: {streams} streams instead of {len(sizes)}")
    zstd, arrays = load_zstd(), []
    for index, expected in enumerate(sizes):
        small, plain = STREAM.unpack_from(content, start + index * STREAM.size)
        if plain != expected or at + small > len(content):
            raise SharpError("damaged .spz file: a stream's size does not fit")
        arrays.append(_decompress(zstd, content[at : at + small], expected))
        at += small
    arrays += [np.zeros(0, np.uint8)] * (6 - len(arrays))
    return Arrays(count, degree, bits, version, arrays)


def _decompress(zstd: Any, content: bytes, expected: int) -> Bytes:
    """At most ``expected`` bytes of one zstd frame, whatever its header declares."""
    try:
        if hasattr(zstd, "ZstdDecompressor") and sys.version_info < (3, 14):
            with zstd.ZstdDecompressor().stream_reader(content) as reader:
                plain = reader.read(expected + 1)
        else:
            plain = zstd.ZstdDecompressor().decompress(content, max_length=expected + 1)
    except Exception as error:  # zstandard's and the standard library's own kinds
        raise SharpError(f"damaged .spz file: {error}") from error
    if len(plain) != expected:
        raise SharpError(f"damaged .spz file: a stream of {len(plain):,} bytes instead of {expected:,}")
    return np.frombuffer(plain, np.uint8)
