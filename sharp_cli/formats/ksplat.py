"""``.ksplat`` (mkkellogg/GaussianSplats3D): sections of Gaussians, at three levels of compression. Read only.

A file has a header, a header for each section, and the sections: buckets (blocks of space whose centers the packed
positions count from), then one row for each Gaussian. Level 0 holds floats; level 1 half floats and positions of 16
bits within their bucket; level 2 the same with harmonics of 8 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from os import PathLike
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SMALLEST_SCALE, Floats, SplatColumns
from sharp_cli.formats.reading import drop_bad_rows, reading
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.sh import SH_C0

HEADER_BYTES, SECTION_BYTES = 4096, 1024
HEADER = struct.Struct("<BBxxIIIIHxxfffff")
"""Version (two numbers), section headers, sections in use, room for Gaussians, Gaussians, level, center (x, y, z),
lowest and highest harmonic. Writers disagree about the sections in use; unused ones have no Gaussians."""
SECTION = struct.Struct("<IIIIfHxxIIIIH")
"""Gaussians, room for Gaussians, bucket size, buckets, side of a bucket, bytes of a bucket, scale of positions,
bytes, full buckets, other buckets, degree."""
KINDS = (("<f4", "<f4", "<f4"), ("<u2", "<f2", "<f2"), ("<u2", "<f2", "u1"))
"""By level: the type of positions, of scales and rotations, and of harmonics."""
HARMONICS = (0, 3, 8, 15)
"""Coefficients per channel, by degree."""
USUAL_RANGE = 1.5
"""Of harmonics of 8 bits, if the header names none."""


class Section(NamedTuple):
    """What a section's header says."""

    rows: int
    room: int
    """Gaussians whose bytes the section takes up."""
    bucket_size: int
    buckets: int
    side: float
    scale: int
    full: int
    partial: int
    degree: int


def read_ksplat(path: str | PathLike[str], warn: Callable[[str], None] = lambda text: None) -> StoredSplat:
    """Read a ``.ksplat`` file of version 0.1.

    Raises:
        SharpError: it cannot be read, is not such a file, is damaged, or declares more than its size allows.
    """
    with reading(path) as file:
        content = file.read_bytes()
        if len(content) < HEADER_BYTES:
            raise SharpError("it ends in its header")
        major, minor, sections, _, _, _, level, _, _, _, low, high = HEADER.unpack_from(content)
        if (major, minor) < (0, 1) or major > 0 or level >= len(KINDS):
            raise SharpError(f"not a .ksplat file of version 0.1 (version {major}.{minor}, level {level})")
        start = HEADER_BYTES + sections * SECTION_BYTES
        if start > len(content):
            raise SharpError(f"damaged .ksplat file: {sections} section headers cannot be in {len(content):,} bytes")
        limits = (low, high) if low < high else (-USUAL_RANGE, USUAL_RANGE)
        parts = []
        for index in range(sections):
            section = _section(content, HEADER_BYTES + index * SECTION_BYTES)
            columns, start = _columns(content, start, section, level, limits)
            parts.append(columns)
        return StoredSplat(drop_bad_rows(_together(parts), path, warn))


def _section(content: bytes, at: int) -> Section:
    count, room, size, buckets, side, bucket_bytes, scale, _, full, partial, degree = SECTION.unpack_from(content, at)
    if count > room or degree >= len(HARMONICS) or (buckets and bucket_bytes != 12):
        raise SharpError(f"damaged .ksplat file: a section of {count:,} Gaussians of degree {degree}")
    return Section(count, room, size, buckets, side, scale or 32767, full, partial, degree)


def _columns(
    content: bytes, start: int, section: Section, level: int, limits: tuple[float, float]
) -> tuple[SplatColumns, int]:
    """A section's Gaussians, and where the next section begins."""
    position, shape, harmonic = KINDS[level]
    coefficients = HARMONICS[section.degree]
    row = np.dtype([
        ("means", position, 3), ("scales", shape, 3), ("quats", shape, 4), ("rgba", "u1", 4),
        ("sh", harmonic, (3 * coefficients,)),
    ])  # fmt: skip
    at = start + 4 * section.partial + 12 * section.buckets
    end = at + section.room * row.itemsize
    if end > len(content):
        raise SharpError(f"damaged .ksplat file: {section.room:,} Gaussians cannot be in {len(content):,} bytes")
    rows = np.frombuffer(content, row, section.rows, at)
    means = rows["means"].astype(np.float32)
    if level > 0:
        centers = np.frombuffer(content, "<f4", 3 * section.buckets, start + 4 * section.partial).reshape(-1, 3)
        lengths = np.frombuffer(content, "<u4", section.partial, start)
        step = np.float32(section.side / 2 / section.scale)
        means = (means - np.float32(section.scale)) * step + centers[_bucket_of(section, lengths)]
    logs = np.log(np.maximum(np.abs(rows["scales"].astype(np.float32)), np.float32(SMALLEST_SCALE)))
    colors = rows["rgba"] / np.float32(255)
    return SplatColumns(
        means=means,
        log_scales=logs,
        quats=rows["quats"].astype(np.float32),
        opacities=colors[:, 3],
        dc=(colors[:, :3] - np.float32(0.5)) / np.float32(SH_C0),
        sh=_harmonics(rows["sh"], section.degree, limits) if section.degree else None,
    ), end


def _bucket_of(section: Section, lengths: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """(count,) the bucket of each Gaussian: the full ones hold ``bucket_size`` each, then those with ``lengths``."""
    sizes = np.concatenate([np.full(min(section.full, section.buckets), section.bucket_size), lengths]).astype(np.int64)
    buckets = np.searchsorted(sizes.cumsum(), np.arange(section.rows), side="right")
    if section.rows and buckets[-1] >= section.buckets:
        raise SharpError("damaged .ksplat file: its buckets do not hold its Gaussians")
    return buckets


def _harmonics(values: npt.NDArray[np.generic], degree: int, limits: tuple[float, float]) -> Floats:
    """(N, K, 3) from rows that hold degree after degree, channel by channel."""
    plain = values.astype(np.float32)
    if values.dtype == np.uint8:
        plain = limits[0] + plain * np.float32((limits[1] - limits[0]) / 255)
    parts = [
        plain[:, 3 * (k * k - 1) : 3 * ((k + 1) ** 2 - 1)].reshape(len(plain), 3, 2 * k + 1)
        for k in range(1, degree + 1)
    ]
    return np.concatenate(parts, axis=2).transpose(0, 2, 1)


def _together(parts: list[SplatColumns]) -> SplatColumns:
    """All sections as one; harmonics that a section lacks are zero."""
    parts = [part for part in parts if len(part.means)]
    if not parts:
        raise SharpError("it holds no Gaussians")
    most = max(0 if part.sh is None else part.sh.shape[1] for part in parts)
    sh = np.zeros((sum(len(part.means) for part in parts), most, 3), np.float32)
    start = 0
    for part in parts:
        if part.sh is not None:
            sh[start : start + len(part.means), : part.sh.shape[1]] = part.sh
        start += len(part.means)
    means, log_scales, quats, opacities, dc = map(np.concatenate, zip(*(part[:5] for part in parts), strict=True))
    return SplatColumns(means, log_scales, quats, opacities, dc, sh if most else None)
