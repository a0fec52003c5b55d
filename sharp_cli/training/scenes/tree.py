"""The tree of boxes over a scene's shapes, in the order in which the tracer walks it."""

from __future__ import annotations

import numpy as np

from sharp_cli.render.cpu.parallel import kernel
from sharp_cli.training.scenes.layout import Doubles, Integers


def build_tree(bounds: Doubles, eye: Doubles) -> tuple[Doubles, Integers, Integers]:
    """Split N ≥ 1 boxes at the median of the longest axis until each stands alone.

    Args:
        bounds: (N, 6) low and high corners.
        eye: (3,) the side of a split nearer to it comes first, so that near shapes hide far ones early.

    Returns:
        ``nodes``, ``skip`` and ``leaf`` of :class:`~sharp_cli.training.scenes.layout.Scene`.
    """
    size = 2 * len(bounds) - 1
    nodes, skip, leaf = np.empty((size, 6)), np.empty(size, np.int32), np.full(size, -1, np.int32)
    _build(bounds, eye, np.arange(len(bounds), dtype=np.int32), nodes, skip, leaf)
    return nodes, skip, leaf


@kernel
def _build(bounds: Doubles, eye: Doubles, order: Integers, nodes: Doubles, skip: Integers, leaf: Integers) -> None:
    pending = [(0, 0, len(bounds))]  # node, and its part of `order`
    while len(pending) > 0:
        node, start, stop = pending.pop()
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
        axis = 0
        for other in (1, 2):
            if nodes[node, other + 3] - nodes[node, other] > nodes[node, axis + 3] - nodes[node, axis]:
                axis = other
        middle = 0.5 * (nodes[node, axis] + nodes[node, axis + 3])
        sign = -1.0 if eye[axis] > middle else 1.0
        for i in range(start + 1, stop):  # by insertion: numba's own sort takes longer to compile than all the rest
            moved = order[i]
            rank, place = sign * (bounds[moved, axis] + bounds[moved, axis + 3]), i
            while place > start and sign * (bounds[order[place - 1], axis] + bounds[order[place - 1], axis + 3]) > rank:
                order[place] = order[place - 1]
                place -= 1
            order[place] = moved
        half = count // 2
        pending.append((node + 1, start, start + half))
        pending.append((node + 2 * half, start + half, stop))
