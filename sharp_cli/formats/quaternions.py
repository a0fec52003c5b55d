"""Unit quaternions in 32 bits: which component is the largest, and the other three."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sharp_cli.formats.columns import Floats

Words = npt.NDArray[np.uint32]


def largest_first(quats: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """(N, 4) → the index (N,) of the largest component by size, and the other three (N, 3) in their order.

    The sign is such that the largest component is positive, so it follows from the others.
    """
    largest = np.abs(quats).argmax(axis=1)
    quats = quats * np.where(quats[np.arange(len(quats)), largest] < 0, -1, 1)[:, None].astype(np.float32)
    return largest, quats[np.arange(4) != largest[:, None]].reshape(-1, 3)


def with_largest(largest: npt.NDArray[np.int64], others: Floats) -> Floats:
    """The inverse of :func:`largest_first`; (N, 4) unit quaternions."""
    quats = np.empty((len(others), 4), np.float32)
    quats[np.arange(4) != largest[:, None]] = others.ravel()
    quats[np.arange(len(quats)), largest] = np.sqrt(np.maximum(0, 1 - (others**2).sum(axis=1)))
    return quats


def pack_smallest_three(quats: Floats) -> Words:
    """(N, 4) → (N,): two bits for the largest component's index, then for each other a sign and nine bits (.spz)."""
    largest, others = largest_first(quats)
    size = np.minimum(511, np.floor(511 * np.abs(others) * np.sqrt(2) + 0.5)).astype(np.uint32)
    parts = size | (others < 0).astype(np.uint32) << np.uint32(9)
    word = largest.astype(np.uint32)
    for part in parts.T:
        word = word << np.uint32(10) | part
    return word


def unpack_smallest_three(words: Words) -> Floats:
    """The inverse of :func:`pack_smallest_three`."""
    parts = np.stack([words >> np.uint32(shift) & np.uint32(1023) for shift in (20, 10, 0)], axis=1)
    size = (parts & 511).astype(np.float32) / np.float32(511 * np.sqrt(2))
    return with_largest((words >> np.uint32(30)).astype(np.int64), np.where(parts >> 9, -size, size))
