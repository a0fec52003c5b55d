"""``.spz`` (Niantic): 19 to 64 bytes a Gaussian before compression. Writes versions 3 and 4, reads 1 to 4.

Versions 1 to 3 are one gzip stream, version 4 a plain header with one zstd frame for each array. Axes stay as they
are: the format's text says otherwise, but the tools that write and read it do the same.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SplatColumns
from sharp_cli.formats.metadata import MOST_BYTES, parse_metadata, to_metadata, with_metadata
from sharp_cli.formats.quaternions import pack_smallest_three, unpack_smallest_three
from sharp_cli.formats.reading import drop_bad_rows, reading
from sharp_cli.formats.spz_container import (
    GZIP,
    HAS_RECORDS,
    HEADER,
    HEADER_4_BYTES,
    MAGIC,
    MAX_DEGREE,
    STREAM,
    Arrays,
    array_bytes,
    check_header,
    check_streams,
    end_of_table,
    find_record,
    load_zstd,
    pack_record,
    unpack_streams,
    unzip,
)
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.runtime.files import atomic_write

FRACTIONAL_BITS, FEWEST_BITS = 12, 8
LARGEST_FIXED = (1 << 23) - 1
COLOR_GAIN = 0.15

GZIP_COMMENT = GZIP + bytes([8, 16, 0, 0, 0, 0, 0, 255])
"""The start of a gzip file whose header holds a comment, which ends in a zero byte (RFC 1952)."""
WINDOW = 1 << 16
"""Bytes that hold a usual comment, and what follows it of the header."""


def write_spz(
    path: str | PathLike[str],
    splat: StoredSplat,
    provenance: Mapping[str, str] | None = None,
    *,
    version: int = 3,
) -> None:
    """Write an ``.spz`` file.

    Args:
        provenance: how this file is made.
        version: 3, which every reader knows, or 4, a twentieth smaller.

    Raises:
        SharpError: another version.
        OSError: the file cannot be written.
    """
    if version not in (3, 4):
        raise SharpError(f"cannot write .spz version {version} (choose 3 or 4)")
    columns = splat.columns.to_write(max_degree=MAX_DEGREE[version])
    columns, bits = _fit_positions(columns)
    degree = 0 if columns.sh is None else math.isqrt(columns.sh.shape[1] + 1) - 1
    arrays = [array.tobytes() for array in _encode(columns, bits)]
    if version == 3:
        header = HEADER.pack(MAGIC, 3, len(columns.means), degree, bits, 0, 0)
        content = _zip(b"".join([header, *arrays]), to_metadata(splat, provenance))
    else:
        zstd = load_zstd()
        streams = [array for array in arrays if array]
        packed = [zstd.compress(stream) for stream in streams]
        record = pack_record(json.dumps(to_metadata(splat, provenance)).encode())
        header = HEADER.pack(MAGIC, 4, len(columns.means), degree, bits, HAS_RECORDS, len(streams))
        header += struct.pack("<I", HEADER_4_BYTES + len(record)) + bytes(12) + record
        sizes = [STREAM.pack(len(small), len(plain)) for small, plain in zip(packed, streams, strict=True)]
        content = b"".join([header, *sizes, *packed])
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(content)


def read_spz(path: str | PathLike[str], warn: Callable[[str], None] = lambda text: None) -> StoredSplat:
    """Read an ``.spz`` file of version 1, 2, 3 or 4.

    Raises:
        SharpError: it cannot be read, is not such a file, is damaged, or declares more than its size allows.
    """
    with reading(path) as file:
        content = file.read_bytes()
        if content.startswith(GZIP):
            arrays, metadata = unzip(content), _read_comment(content)
        elif content.startswith(struct.pack("<I", MAGIC)):
            arrays, metadata = unpack_streams(content), _parse(find_record(content))
        else:
            raise SharpError("it does not start as an .spz file")
        return with_metadata(drop_bad_rows(_decode(arrays), path, warn), metadata)


def read_spz_metadata(path: Path) -> dict[str, str]:
    """What :func:`write_spz` stored beside the Gaussians of a complete file; reads its ends alone.

    Raises:
        SharpError: not such a file, or an incomplete one.
    """
    with reading(path) as file, file.open("rb") as stream:
        start = stream.read(WINDOW)
        if start.startswith(GZIP_COMMENT[:4]) and b"\0" not in start[len(GZIP_COMMENT) : -HEADER.size * 8]:
            start += stream.read(MOST_BYTES)
        if start.startswith(struct.pack("<I", MAGIC)):
            start += stream.read(min(MOST_BYTES, max(0, end_of_table(start) - WINDOW)))
            check_header(start, file.stat().st_size)
            check_streams(start, file.stat().st_size)
            return _parse(find_record(start))
        if not start.startswith(GZIP):
            return {}
        stream.seek(max(0, file.stat().st_size - 4))
        (plain,) = struct.unpack("<I", stream.read(4).rjust(4, b"\0"))
        try:
            head = zlib.decompressobj(wbits=31).decompress(start, HEADER.size)
        except zlib.error as error:
            raise SharpError(f"damaged .spz file: {error}") from error
        count, degree, _, version = check_header(head, file.stat().st_size)
        if plain != (HEADER.size + sum(array_bytes(count, degree, version))) & 0xFFFFFFFF:
            raise SharpError("damaged .spz file: it ends too early")
        return _read_comment(start)


def _fit_positions(columns: SplatColumns) -> tuple[SplatColumns, int]:
    """Columns whose positions fit into 24 bits, and the bits of fraction: 12, or down to 8 for scenes beyond 2,048 m.

    What lies beyond 32 km is moved in along its ray, and made smaller alike, so it looks the same from the origin.
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
    end = content.find(b"\0", start, start + MOST_BYTES)
    return _parse(content[start : max(end, start)])


def _parse(text: bytes) -> dict[str, str]:
    """Metadata from JSON; nothing if it is damaged."""
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return parse_metadata(metadata)
