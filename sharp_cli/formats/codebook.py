"""Codebooks for the .sog format: 256 values for numbers, palettes for vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sharp_cli.formats.columns import Floats

ENTRIES = 256
BINS = 4096
ROUNDS = 24
SMALLEST_RANGE = 1e-30
"""Of values that differ: smaller ones cannot be told apart in fp32."""


def fit_codebook(values: Floats) -> Floats:
    """256 ascending values that stand for ``values`` with little squared error: Lloyd's algorithm on a histogram.

    Half of the first guess is spread over the range and half over the values, so that rare extremes keep an entry.
    """
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if high - low < SMALLEST_RANGE:
        return np.full(ENTRIES, low, np.float32)
    values = values.astype(np.float64)
    weights, edges = np.histogram(values, BINS, (low, high))
    centers = 0.5 * (edges[:-1] + edges[1:])
    shares = np.cumsum(weights) / weights.sum()
    spread = np.linspace(low, high, ENTRIES // 2)
    quantiles = centers[np.searchsorted(shares, (np.arange(ENTRIES // 2) + 0.5) / (ENTRIES // 2)).clip(0, BINS - 1)]
    book = np.sort(np.concatenate([spread, quantiles]))
    for _ in range(ROUNDS):
        nearest = _nearest(book, centers)
        mass = np.bincount(nearest, weights, ENTRIES)
        sums = np.bincount(nearest, weights * centers, ENTRIES)
        book = np.sort(np.where(mass > 0, sums / np.maximum(mass, 1), book))
    return book.astype(np.float32)


def quantize(values: Floats, book: Floats) -> npt.NDArray[np.uint8]:
    """The index of the nearest entry, in the shape of ``values``."""
    return _nearest(book, values).astype(np.uint8)


def fit_palette(vectors: Floats, entries: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """At most ``entries`` vectors (P, D) that stand for ``vectors`` (N, D), and the (N,) index of each one's.

    Groups are halved at the median of the axis in which they differ most, all groups of a level at once: far faster
    than k-means for many thousand entries, and its groups are equally full.
    """
    count = len(vectors)
    if count <= entries:
        return vectors, np.arange(count)
    groups = np.zeros(count, np.int64)
    total = 1
    while total * 2 <= entries:
        sizes = np.bincount(groups, minlength=total)
        order = np.argsort(groups, kind="stable")
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        ordered = vectors[order]
        means = np.add.reduceat(ordered, starts) / sizes[:, None]
        spread = np.add.reduceat(ordered**2, starts) / sizes[:, None] - means**2
        widest = spread.argmax(axis=1)
        keys = vectors[np.arange(count), widest[groups]]
        order = np.lexsort((keys, groups))
        ranks = np.empty(count, np.int64)
        ranks[order] = np.arange(count) - np.repeat(starts, sizes)
        groups = 2 * groups + (ranks >= sizes[groups] // 2)
        total *= 2
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=total)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return (np.add.reduceat(vectors[order], starts) / sizes[:, None]).astype(np.float32), groups


def _nearest(book: npt.NDArray[np.floating], values: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    book = book.astype(np.float64)
    return np.searchsorted(0.5 * (book[:-1] + book[1:]), values)
