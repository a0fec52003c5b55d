"""SuperSplat's compressed ``.ply``: 16 bytes a splat, and what the browser needs to read no more than that.

Splats stand in chunks of 256 neighbours. A chunk's ranges are kept as floats, its splats as fractions of them, in
four 32-bit words each: position (11, 10, 11 bits), rotation (2, 10, 10, 10), log scale (11, 10, 11), and sRGB colour
with opacity (8, 8, 8, 8). The format is defined by its reader in the PlayCanvas engine (``SplatCompressedIterator``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sharp_cli.formats.ply_write import SMALLEST_SCALE
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.gaussians import Gaussians

CHUNK = 256
AXES, CHANNELS = ("x", "y", "z"), ("r", "g", "b")
RANGES = [
    f"{end}_{kind}{name}"
    for kind, names in (("", AXES), ("scale_", AXES), ("", CHANNELS))
    for end in ("min", "max")
    for name in names
]
WORDS = ("packed_position", "packed_rotation", "packed_scale", "packed_color")

MOST_HARMONICS = 15

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.uint32]


def compressed_ply(gaussians: Gaussians) -> bytes:
    """The file's bytes; splats are in another order than in ``gaussians``."""
    order = _neighbours_together(gaussians)
    means = gaussians.means.cpu().numpy()[order]
    scales = gaussians.scales.cpu().clamp(min=SMALLEST_SCALE).log().numpy()[order]
    colors = linear_to_srgb(gaussians.colors.cpu()).numpy()[order]
    opacities = gaussians.opacities.cpu().numpy()[order, None]

    in_chunk, ranges = zip(*map(_within_chunks, (means, scales, colors)), strict=True)
    words = [
        _pack(in_chunk[0], (11, 10, 11)),
        _pack_rotations(gaussians.quats.cpu().numpy()[order]),
        _pack(in_chunk[1], (11, 10, 11)),
        _pack(np.concatenate([in_chunk[2], opacities], axis=1), (8, 8, 8, 8)),
    ]
    sh = _harmonics(gaussians, order)
    header = _header(len(order), 0 if sh is None else sh.shape[1])
    body = [np.concatenate(ranges, axis=1).astype("<f4"), np.stack(words, axis=1).astype("<u4")]
    return b"".join([header, *(part.tobytes() for part in body), b"" if sh is None else sh.tobytes()])


def _neighbours_together(gaussians: Gaussians) -> npt.NDArray[np.int64]:
    """An order along a space-filling (Morton) curve, on which neighbours in space follow one another.

    Splats of a photo are sorted by where they stand in its picture, and at which depth: precision then follows depth.
    Ranks instead of values make the curve's cells equally full, however far the sky is.
    """
    means = gaussians.means.cpu().double().numpy()
    if gaussians.camera and (means[:, 2] > 0).all():
        means = np.concatenate([means[:, :2] / means[:, 2:], means[:, 2:]], axis=1)
    code = np.zeros(len(means), np.int64)
    for axis, values in enumerate(means.T):
        ranks = np.empty(len(means), np.int64)
        ranks[values.argsort(kind="stable")] = np.arange(len(means)) * 1024 // max(len(means), 1)
        for bit in range(10):
            code |= (ranks >> bit & 1) << (3 * bit + axis)
    return code.argsort(kind="stable")


def _within_chunks(values: Floats) -> tuple[Floats, Floats]:
    """(N, 3) values as fractions of their chunk's ranges, and the (chunks, 6) ranges: three minima, three maxima."""
    starts = np.arange(0, len(values), CHUNK)
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    extents = np.maximum(high - low, np.finfo(np.float32).tiny)
    chunks = np.arange(len(values)) // CHUNK
    return (values - low[chunks]) / extents[chunks], np.concatenate([low, high], axis=1)


def _pack(fractions: Floats, bits: tuple[int, ...]) -> Integers:
    """(N, k) values in [0, 1] → (N,) words, the first value in the highest bits."""
    word = np.zeros(len(fractions), np.uint32)
    for values, width in zip(fractions.T, bits, strict=True):
        largest = (1 << width) - 1
        word = word << np.uint32(width) | (values * largest + 0.5).clip(0, largest).astype(np.uint32)
    return word


def _pack_rotations(quats: Floats) -> Integers:
    """(N, 4) rotations → (N,) words: which component is the largest, and the three others in their order."""
    quats = quats / np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    largest = np.abs(quats).argmax(axis=1)
    rows = np.arange(len(quats))
    quats = quats * np.where(quats[rows, largest] < 0, -1, 1)[:, None]
    others = quats[np.arange(4) != largest[:, None]].reshape(-1, 3)
    return _pack(others / np.sqrt(2) + 0.5, (10, 10, 10)) | largest.astype(np.uint32) << np.uint32(30)


def _harmonics(gaussians: Gaussians, order: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8] | None:
    """(N, 3 K) direction-dependent colour in [−4, 4] as bytes, channel by channel; the format ends at degree 3."""
    if gaussians.sh is None:
        return None
    values = gaussians.sh[:, :MOST_HARMONICS].cpu().numpy()[order].transpose(0, 2, 1).reshape(len(order), -1)
    return ((values + 4) * (255 / 8) + 0.5).clip(0, 255).astype(np.uint8)


def _header(count: int, harmonics: int) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", f"element chunk {-(-count // CHUNK)}"]
    lines += [f"property float {name}" for name in RANGES]
    lines += [f"element vertex {count}", *(f"property uint {name}" for name in WORDS)]
    if harmonics:
        lines += [f"element sh {count}", *(f"property uchar f_rest_{k}" for k in range(harmonics))]
    return ("\n".join([*lines, "end_header"]) + "\n").encode("ascii")
