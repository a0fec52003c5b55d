"""The splats of each tile of the image, front to back."""

from __future__ import annotations

import numpy as np

from sharp_cli.render.backends.cpu.layout import (
    CHUNK,
    DEPTH,
    TILE,
    Bins,
    CameraArrays,
    Integers,
    Longs,
    Shorts,
    SplatArrays,
)
from sharp_cli.render.backends.cpu.projection import project
from sharp_cli.runtime.kernels import for_chunks, kernel

RADIX = 256


def bin_splats(gaussians: SplatArrays, camera: CameraArrays) -> Bins:
    """Project the Gaussians and list every tile's splats by depth; equal depths keep their order."""
    count = len(gaussians.means)
    tiles_x, tiles_y = -(-camera.width // TILE), -(-camera.height // TILE)
    splats, boxes = np.empty((count, 10), np.float32), np.empty((count, 4), np.int16)
    counts = np.zeros((max(1, -(-count // CHUNK)), tiles_x * tiles_y), np.int32)
    for_chunks(project, count, CHUNK, gaussians, camera, splats, boxes, counts)
    ends = np.cumsum(counts.T, dtype=np.int64).reshape(counts.T.shape)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:, -1]])
    cursors = np.ascontiguousarray((ends - counts.T).T)
    order = np.empty(starts[-1], np.int32)
    for_chunks(_scatter, count, CHUNK, boxes, cursors, tiles_x, order)
    for_chunks(_sort_tiles, tiles_x * tiles_y, 8, starts, splats.view(np.int32), order)
    return Bins(splats, boxes, starts, order)


@kernel
def _scatter(start: int, stop: int, boxes: Shorts, cursors: Longs, tiles_x: int, order: Integers) -> None:
    chunk = start // CHUNK
    for i in range(start, stop):
        for tile_y in range(boxes[i, 1], boxes[i, 3]):
            for tile_x in range(boxes[i, 0], boxes[i, 2]):
                tile = tile_y * tiles_x + tile_x
                order[cursors[chunk, tile]] = i
                cursors[chunk, tile] += 1


@kernel
def _sort_tiles(start: int, stop: int, starts: Longs, splat_bits: Integers, order: Integers) -> None:
    """Radix sort by depth: positive floats sort like their bits."""
    longest = 0
    for tile in range(start, stop):
        longest = max(longest, starts[tile + 1] - starts[tile])
    keys, ids = np.empty((2, longest), np.int32), np.empty((2, longest), np.int32)
    for tile in range(start, stop):
        first, count = starts[tile], starts[tile + 1] - starts[tile]
        varying = 0
        for k in range(count):
            ids[0, k] = order[first + k]
            keys[0, k] = splat_bits[ids[0, k], DEPTH]
            varying |= keys[0, k] ^ keys[0, 0]
        now = 0
        for shift in range(0, 32, 8):
            if (varying >> shift) & (RADIX - 1):
                _sort_digit(keys[now], ids[now], keys[1 - now], ids[1 - now], count, shift)
                now = 1 - now
        for k in range(count):
            order[first + k] = ids[now, k]


@kernel
def _sort_digit(keys: Integers, ids: Integers, keys_out: Integers, ids_out: Integers, count: int, shift: int) -> None:
    places = np.zeros(RADIX, np.int64)
    for k in range(count):
        places[(keys[k] >> shift) & (RADIX - 1)] += 1
    total = 0
    for digit in range(RADIX):
        places[digit], total = total, total + places[digit]
    for k in range(count):
        digit = (keys[k] >> shift) & (RADIX - 1)
        keys_out[places[digit]] = keys[k]
        ids_out[places[digit]] = ids[k]
        places[digit] += 1
