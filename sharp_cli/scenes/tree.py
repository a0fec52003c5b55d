"""The tree of boxes over a scene's shapes, in the order in which shadows' rays walk it."""

from __future__ import annotations

import math

import numpy as np

from sharp_cli.scenes.compiling import inlined, kernel
from sharp_cli.scenes.layout import Doubles, Integers

BINS = 12
"""Places at which a box may be split along each axis."""


def build_tree(bounds: Doubles) -> tuple[Doubles, Integers, Integers]:
    """Split N ≥ 1 boxes until each stands alone, so that the parts' surfaces, times what they hold, are small.

    Args:
        bounds: (N, 6) low and high corners.

    Returns:
        ``nodes``, ``skip`` and ``leaf`` of :class:`~sharp_cli.scenes.layout.Scene`.
    """
    size = 2 * len(bounds) - 1
    nodes, skip, leaf = np.empty((size, 6)), np.empty(size, np.int32), np.full(size, -1, np.int32)
    order, pending = np.arange(len(bounds), dtype=np.int32), np.empty((len(bounds) + 1, 3), np.int32)
    _build(bounds, order, pending, np.empty((BINS, 7)), nodes, skip, leaf)
    return nodes, skip, leaf


@kernel
def _build(
    bounds: Doubles, order: Integers, pending: Integers, bins: Doubles, nodes: Doubles, skip: Integers, leaf: Integers
) -> None:
    pending[0, 0], pending[0, 1], pending[0, 2] = 0, 0, len(bounds)  # node, and its part of `order`
    waiting = 1
    while waiting > 0:
        waiting -= 1
        node, start, stop = pending[waiting, 0], pending[waiting, 1], pending[waiting, 2]
        for axis in range(3):
            low, high = bounds[order[start], axis], bounds[order[start], axis + 3]
            for i in range(start + 1, stop):
                low, high = min(low, bounds[order[i], axis]), max(high, bounds[order[i], axis + 3])
            nodes[node, axis], nodes[node, axis + 3] = low, high
        count = stop - start
        skip[node] = node + 2 * count - 1
        if count == 1:
            leaf[node] = order[start]
            continue
        middle = _split(bounds, order, start, stop, bins)
        pending[waiting, 0], pending[waiting, 1], pending[waiting, 2] = node + 2 * (middle - start), middle, stop
        waiting += 1
        pending[waiting, 0], pending[waiting, 1], pending[waiting, 2] = node + 1, start, middle
        waiting += 1


@inlined
def _split(bounds: Doubles, order: Integers, start: int, stop: int, bins: Doubles) -> int:
    """Sort this part of ``order`` into two and return where the second begins: surface area heuristic, in bins."""
    best, best_axis, best_bin = math.inf, -1, 0
    for axis in range(3):
        low, width = _centers(bounds, order, start, stop, axis)
        if width <= 0.0:
            continue
        for i in range(BINS):
            bins[i, 0] = 0.0
            for side in range(3):
                bins[i, 1 + side], bins[i, 4 + side] = math.inf, -math.inf
        for i in range(start, stop):
            _grow(bins, _bin(bounds, order[i], axis, low, width), bounds, order[i])
        for cut in range(1, BINS):
            cost = _cost(bins, 0, cut) + _cost(bins, cut, BINS)
            if cost < best:
                best, best_axis, best_bin = cost, axis, cut
    if best_axis < 0:
        return (start + stop) // 2  # all round one place
    low, width = _centers(bounds, order, start, stop, best_axis)
    middle = start
    for i in range(start, stop):
        if _bin(bounds, order[i], best_axis, low, width) < best_bin:
            order[i], order[middle] = order[middle], order[i]
            middle += 1
    return middle


@inlined
def _centers(bounds: Doubles, order: Integers, start: int, stop: int, axis: int) -> tuple[float, float]:
    """The lowest of twice the boxes' centers along an axis, and how far they reach from there."""
    low, high = math.inf, -math.inf
    for i in range(start, stop):
        center = bounds[order[i], axis] + bounds[order[i], axis + 3]
        low, high = min(low, center), max(high, center)
    return low, high - low


@inlined
def _bin(bounds: Doubles, box: int, axis: int, low: float, width: float) -> int:
    return min(int((bounds[box, axis] + bounds[box, axis + 3] - low) / width * BINS), BINS - 1)


@inlined
def _grow(bins: Doubles, i: int, bounds: Doubles, box: int) -> None:
    bins[i, 0] += 1.0
    for side in range(3):
        bins[i, 1 + side] = min(bins[i, 1 + side], bounds[box, side])
        bins[i, 4 + side] = max(bins[i, 4 + side], bounds[box, 3 + side])


@inlined
def _cost(bins: Doubles, start: int, stop: int) -> float:
    """Half the surface round these bins' boxes times their number; infinite for none."""
    count, x0, y0, z0, x1, y1, z1 = 0.0, math.inf, math.inf, math.inf, -math.inf, -math.inf, -math.inf
    for i in range(start, stop):
        count += bins[i, 0]
        x0, y0, z0 = min(x0, bins[i, 1]), min(y0, bins[i, 2]), min(z0, bins[i, 3])
        x1, y1, z1 = max(x1, bins[i, 4]), max(y1, bins[i, 5]), max(z1, bins[i, 6])
    if count == 0.0:
        return math.inf
    x, y, z = x1 - x0, y1 - y0, z1 - z0
    return count * (x * y + y * z + z * x)
