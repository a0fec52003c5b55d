"""SuperSplat's compressed ``.ply``: 16 bytes per Gaussian, plus harmonics up to degree 3 at a byte each.

Gaussians lie in chunks of 256 neighbors. Each chunk stores its ranges as floats, and its Gaussians as fractions of the
ranges in four 32-bit words: position (11, 10, 11 bits), rotation (2, 10, 10, 10), log scale (11, 10, 11), and sRGB
color with opacity (8, 8, 8, 8). The PlayCanvas engine's reader (``SplatCompressedIterator``) defines the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.chunks import CHUNK, in_chunks
from sharp_cli.formats.columns import Floats, SplatColumns
from sharp_cli.formats.ply_header import Element, Header, check_size
from sharp_cli.formats.ply_rows import read_blocks
from sharp_cli.formats.ply_write import fact_comments
from sharp_cli.formats.quaternions import largest_first, with_largest
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.sh import SH_C0
from sharp_cli.runtime.files import atomic_write

AXES, CHANNELS = ("x", "y", "z"), ("r", "g", "b")
RANGES = [
    f"{end}_{kind}{name}"
    for kind, names in (("", AXES), ("scale_", AXES), ("", CHANNELS))
    for end in ("min", "max")
    for name in names
]
WORDS = ("packed_position", "packed_rotation", "packed_scale", "packed_color")

HARMONICS = (3, 8, 15)
"""Coefficients per channel of degrees 1, 2 and 3."""
HARMONICS_LIMIT = 4.0
"""Coefficients lie within ± this."""

Integers = npt.NDArray[np.uint32]


def write_compressed_ply(
    path: str | PathLike[str], splat: StoredSplat, provenance: Mapping[str, str] | None = None
) -> None:
    """Write Gaussians in SuperSplat's compressed form. The file appears only when it is complete.

    Raises:
        OSError: the file cannot be written.
    """
    content = compressed_ply(splat, provenance)
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(content)


def compressed_ply(splat: StoredSplat, provenance: Mapping[str, str] | None = None) -> bytes:
    """The bytes of the file. The order of the Gaussians is lost.

    Gaussians with a zero quaternion, which are never rendered, are left out. If far outliers need chunks of their own,
    the chunk before them is filled up with Gaussians of opacity 0.
    """
    shown = np.flatnonzero((splat.columns.quats != 0).any(axis=1))
    padded = in_chunks(splat.columns.means[shown], photo=splat.camera is not None)
    columns = splat.columns.take(shown[padded.order]).to_write()
    colors = np.float32(0.5) + np.float32(SH_C0) * columns.dc
    opacities = np.where(padded.real, columns.opacities, np.float32(0))

    in_chunk, ranges = zip(*map(_within_chunks, (columns.means, columns.log_scales, colors)), strict=True)
    words = [
        _pack(in_chunk[0], (11, 10, 11)),
        _pack_rotations(columns.quats),
        _pack(in_chunk[1], (11, 10, 11)),
        _pack(np.concatenate([in_chunk[2], opacities[:, None]], axis=1), (8, 8, 8, 8)),
    ]
    sh = None if columns.sh is None else _pack_harmonics(columns.sh)
    comments = fact_comments(splat, provenance=provenance)
    header = _header(comments, len(columns.means), 0 if sh is None else sh.shape[1])
    body = [np.concatenate(ranges, axis=1).astype("<f4"), np.stack(words, axis=1).astype("<u4")]
    return b"".join([header, *(part.tobytes() for part in body), b"" if sh is None else sh.tobytes()])


def is_compressed(vertex: Element) -> bool:
    """Whether a ``vertex`` element holds packed Gaussians."""
    return "packed_position" in vertex.names


def unpack(file: BinaryIO, header: Header, vertex: Element) -> SplatColumns:
    """Read the Gaussians of an open compressed file.

    Raises:
        SharpError: truncated, or not all of the format is there; the reason only, without the file's name.
    """
    check_size(header, file)
    words = _integers(file, header, vertex, WORDS)
    chunk = header.find("chunk")
    if (
        chunk is None
        or {*RANGES} & {*chunk.names} not in ({*RANGES[:12]}, {*RANGES})
        or chunk.count < -(-vertex.count // CHUNK)
    ):
        raise SharpError("the compressed splat is damaged: its chunks do not fit its Gaussians")
    rows = np.concatenate([*read_blocks(file, header, chunk)] or [np.empty(0, [(n, "<f4") for n in chunk.names])])
    ranges = {name: rows[name].astype(np.float32) for name in chunk.names if name in RANGES}
    which = np.arange(vertex.count) // CHUNK

    def spread(fractions: Floats, kind: str, names: tuple[str, ...]) -> Floats:
        if f"min_{kind}{names[0]}" not in ranges:  # the first files have no ranges of color: 0 to 1
            return fractions
        low, high = (np.stack([ranges[f"{end}_{kind}{name}"] for name in names], 1) for end in ("min", "max"))
        mixed: Floats = low[which] * (1 - fractions) + high[which] * fractions
        # Other tools write ranges that end at −∞, for scales of zero; 0 · ∞ must not spoil the ends.
        return np.where(fractions == 1, high[which], np.where(fractions == 0, low[which], mixed))

    color = _unpack(words["packed_color"], (8, 8, 8, 8))
    means = spread(_unpack(words["packed_position"], (11, 10, 11)), "", AXES)
    log_scales = spread(_unpack(words["packed_scale"], (11, 10, 11)), "scale_", AXES)
    dc = (spread(color[:, :3], "", CHANNELS) - np.float32(0.5)) / np.float32(SH_C0)
    return SplatColumns(
        means=means,
        log_scales=log_scales,
        quats=_unpack_rotations(words["packed_rotation"]),
        opacities=color[:, 3],
        dc=dc,
        sh=_unpack_harmonics(file, header, vertex.count),
    )


def _integers(file: BinaryIO, header: Header, element: Element, names: tuple[str, ...]) -> dict[str, Integers]:
    """Properties of an element as whole numbers."""
    kinds = {p.name: p.type for p in element.properties if p.length_type is None}
    if any(kinds.get(name, "f")[0] == "f" for name in names):
        raise SharpError(f"the compressed splat is damaged: {', '.join(names)} must be whole numbers")
    columns = {name: np.empty(element.count, np.uint32) for name in names}
    start = 0
    for rows in read_blocks(file, header, element):
        for name in names:
            columns[name][start : start + len(rows)] = rows[name].astype(np.uint32)
        start += len(rows)
    return columns


def _within_chunks(values: Floats) -> tuple[Floats, Floats]:
    """(N, 3) values as fractions of their chunk's ranges, and the (chunks, 6) ranges: three minima, three maxima."""
    if not len(values):
        return values, np.empty((0, 6), np.float32)
    starts = np.arange(0, len(values), CHUNK)
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    half = np.float32(0.5)  # of each value, so that no difference overflows
    extents = np.maximum(half * high - half * low, np.finfo(np.float32).tiny)
    chunks = np.arange(len(values)) // CHUNK
    return (half * values - half * low[chunks]) / extents[chunks], np.concatenate([low, high], axis=1)


def _pack(fractions: Floats, bits: tuple[int, ...]) -> Integers:
    """(N, k) values in [0, 1] → (N,) words, the first value in the highest bits."""
    word = np.zeros(len(fractions), np.uint32)
    for values, width in zip(fractions.T, bits, strict=True):
        largest = (1 << width) - 1
        word = word << np.uint32(width) | (values * largest + 0.5).clip(0, largest).astype(np.uint32)
    return word


def _unpack(words: Integers, bits: tuple[int, ...]) -> Floats:
    """The inverse of :func:`_pack`: (N, k) values in [0, 1]."""
    fractions = np.empty((len(words), len(bits)), np.float32)
    shift = 32
    for column, width in enumerate(bits):
        shift -= width
        largest = (1 << width) - 1
        fractions[:, column] = (words >> np.uint32(shift) & np.uint32(largest)) / np.float32(largest)
    return fractions


def _pack_rotations(quats: Floats) -> Integers:
    """(N, 4) unit quaternions → (N,) words: which component is the largest, and the other three in their order."""
    largest, others = largest_first(quats)
    return _pack(others / np.sqrt(2) + 0.5, (10, 10, 10)) | largest.astype(np.uint32) << np.uint32(30)


def _unpack_rotations(words: Integers) -> Floats:
    """(N,) words → (N, 4) unit quaternions."""
    fractions = _unpack(words, (2, 10, 10, 10))
    others = (fractions[:, 1:] - np.float32(0.5)) * np.float32(np.sqrt(2))
    return with_largest((words >> np.uint32(30)).astype(np.int64), others)


def _pack_harmonics(sh: Floats) -> npt.NDArray[np.uint8]:
    """(N, 3 K) direction-dependent color in [−4, 4] as bytes, channel by channel."""
    values = sh.transpose(0, 2, 1).reshape(len(sh), 3 * sh.shape[1])
    return ((values + HARMONICS_LIMIT) * (255 / (2 * HARMONICS_LIMIT)) + 0.5).clip(0, 255).astype(np.uint8)


def _unpack_harmonics(file: BinaryIO, header: Header, count: int) -> Floats | None:
    """(N, K, 3) coefficients from the ``sh`` element; None if there is none."""
    element = header.find("sh")
    if element is None or not element.properties:
        return None
    names = tuple(f"f_rest_{k}" for k in range(len(element.properties)))
    if element.count != count or {*element.names} != {*names} or len(names) not in [3 * k for k in HARMONICS]:
        raise SharpError("the compressed splat is damaged: its harmonics do not fit its Gaussians")
    columns = _integers(file, header, element, names)
    step = np.float32(2 * HARMONICS_LIMIT / 255)
    values = np.stack([columns[name] * step - np.float32(HARMONICS_LIMIT) for name in names], axis=1)
    return values.reshape(count, 3, len(names) // 3).transpose(0, 2, 1).astype(np.float32)


def _header(comments: list[str], count: int, harmonics: int) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", *(f"comment {comment}" for comment in comments)]
    lines += [f"element chunk {-(-count // CHUNK)}", *(f"property float {name}" for name in RANGES)]
    lines += [f"element vertex {count}", *(f"property uint {name}" for name in WORDS)]
    if harmonics:
        lines += [f"element sh {count}", *(f"property uchar f_rest_{k}" for k in range(harmonics))]
    return ("\n".join([*lines, "end_header"]) + "\n").encode("ascii")
