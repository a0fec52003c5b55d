"""Rays among a scene's shapes: the first one that the camera sees, and whether anything stands in a light's way."""

from __future__ import annotations

import math

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.compiling import inlined
from sharp_cli.scenes.layout import Doubles, Scene
from sharp_cli.scenes.noise import noise
from sharp_cli.scenes.screen import DEPTH, NEAR, Tile
from sharp_cli.scenes.shapes import (
    blob_gradient,
    hit_ball,
    hit_box,
    hit_cone,
    hit_distance,
    hit_flat,
    hit_terrain,
    round_gradient,
)


@inlined
def first_hit(
    scene: Scene, tile: Tile, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, far: float
) -> tuple[float, int]:
    """Depth and index of the first of the tile's shapes up to ``far``; (far, -1) where there is none.

    ``dx``, ``dy``, ``dz`` have depth 1.
    """
    ix, iy, iz = _inverse(dx), _inverse(dy), _inverse(dz)
    best, shape, bounds = far, -1, scene.bounds
    for k in range(tile.shape_count):
        i = tile.shapes[tile.row, k]
        if tile.rectangles[i, DEPTH] >= best:
            break
        first, last = _crossing(bounds, i, ox, oy, oz, ix, iy, iz, NEAR)
        if first <= last and first < best:
            t = _hit(scene, i, ox, oy, oz, dx, dy, dz, NEAR, first, last)
            if t < best:
                best, shape = t, i
    return best, shape


@inlined
def blocked(scene: Scene, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, far: float) -> bool:
    """Whether anything stands in the way up to ``far``."""
    ix, iy, iz = _inverse(dx), _inverse(dy), _inverse(dz)
    nodes, skip, leaf = scene.nodes, scene.skip, scene.leaf
    node = 0
    while node < len(skip):
        first, last = _crossing(nodes, node, ox, oy, oz, ix, iy, iz, 0.0)
        if first <= last and first < far:
            i = leaf[node]
            if i >= 0 and _hit(scene, i, ox, oy, oz, dx, dy, dz, 0.0, first, last) < far:
                return True
            node += 1
        else:
            node = skip[node]
    return False


@inlined
def _crossing(
    boxes: Doubles, i: int, ox: float, oy: float, oz: float, ix: float, iy: float, iz: float, near: float
) -> tuple[float, float]:
    """Where a ray enters box ``i``, from ``near`` on, and leaves it; the second is smaller where it misses."""
    x0, x1 = (boxes[i, 0] - ox) * ix, (boxes[i, 3] - ox) * ix
    y0, y1 = (boxes[i, 1] - oy) * iy, (boxes[i, 4] - oy) * iy
    z0, z1 = (boxes[i, 2] - oz) * iz, (boxes[i, 5] - oz) * iz
    first = max(max(min(x0, x1), min(y0, y1)), max(min(z0, z1), near))
    return first, min(min(max(x0, x1), max(y0, y1)), max(z0, z1))


@inlined
def _inverse(d: float) -> float:
    return 1.0 / d if abs(d) > 1e-300 else math.copysign(1e300, d)


@inlined
def to_local(matrices: Doubles, i: int, x: float, y: float, z: float, w: float) -> tuple[float, float, float]:
    """A place (``w`` = 1) or a direction (``w`` = 0) in a shape's own frame."""
    return (
        matrices[i, 0, 0] * x + matrices[i, 0, 1] * y + matrices[i, 0, 2] * z + matrices[i, 0, 3] * w,
        matrices[i, 1, 0] * x + matrices[i, 1, 1] * y + matrices[i, 1, 2] * z + matrices[i, 1, 3] * w,
        matrices[i, 2, 0] * x + matrices[i, 2, 1] * y + matrices[i, 2, 2] * z + matrices[i, 2, 3] * w,
    )


@inlined
def _hit(
    scene: Scene, i: int, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
    near: float, first: float, last: float,
) -> float:  # fmt: skip
    """Like the kernels of ``shapes``, for shape ``i`` whose bounds the ray crosses from ``first`` to ``last``."""
    x, y, z = to_local(scene.to_local, i, ox, oy, oz, 1.0)
    u, v, w = to_local(scene.to_local, i, dx, dy, dz, 0.0)
    params, kind = scene.params, scene.kinds[i]
    holes = scene.materials[scene.material[i], at.HOLES]
    for _ in range(3):  # through a hole to what is behind it
        if kind == at.FLAT:
            t = hit_flat(x, y, z, u, v, w, params[i, 0], near)
        elif kind == at.BOX:
            t = hit_box(x, y, z, u, v, w, near)
        elif kind == at.BALL:
            t = hit_ball(x, y, z, u, v, w, near)
        elif kind == at.CONE:
            t = hit_cone(x, y, z, u, v, w, params[i, 0], params[i, 1], near)
        elif kind == at.TERRAIN:
            t = hit_terrain(x, y, z, u, v, w, scene.heights, params, i, max(near, first), last)
        else:
            t = hit_distance(x, y, z, u, v, w, kind == at.BLOB, params, i, scene.capsules, max(near, first), last)
        if holes <= 0.0 or t == math.inf:
            return t
        size = scene.materials[scene.material[i], at.HOLE_SIZE]
        a, b, c = (x + t * u) * size, (y + t * v) * size, (z + t * w) * size
        ragged = 0.65 * noise(a, b, c)
        if ragged <= holes < ragged + 0.35:  # the finer part decides
            ragged += 0.35 * noise(2.7 * a + 9.0, 2.7 * b, 2.7 * c)
        if ragged > holes:
            return t
        near = t * (1.0 + 1e-7) + 1e-7
    return math.inf


@inlined
def normal_at(scene: Scene, i: int, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The gradient of shape ``i`` at a local place on it, in the local frame; of any length."""
    kind, params = scene.kinds[i], scene.params
    if kind == at.FLAT:
        return 0.0, 0.0, 1.0
    if kind == at.BOX:
        a, b, c = abs(x), abs(y), abs(z)
        if a >= b and a >= c:
            return math.copysign(1.0, x), 0.0, 0.0
        if b >= c:
            return 0.0, math.copysign(1.0, y), 0.0
        return 0.0, 0.0, math.copysign(1.0, z)
    if kind == at.BALL:
        return x, y, z
    if kind == at.CONE:
        slope = 0.5 * (params[i, 0] - 1.0)
        radius = 0.5 * (1.0 + params[i, 0]) + slope * z
        if params[i, 1] > 0.0 and abs(z) > 1.0 - 1e-9 and x * x + y * y < radius * radius * (1.0 - 1e-9):
            return 0.0, 0.0, z
        return x, y, -slope * radius
    if kind == at.TERRAIN:
        return _terrain_normal(scene.heights, params, i, x, z)
    if kind == at.BLOB:
        return blob_gradient(x, y, z, scene.capsules, int(params[i, 0]), int(params[i, 1]), params[i, 2])
    return round_gradient(x, y, z, params[i, 0], params[i, 1], params[i, 2], params[i, 3])


@inlined
def _terrain_normal(heights: Doubles, params: Doubles, shape: int, x: float, z: float) -> tuple[float, float, float]:
    """From central differences at the grid's nodes, interpolated: smooth shading over flat cells."""
    start, columns, rows = int(params[shape, 0]), int(params[shape, 1]), int(params[shape, 2])
    i, j = min(max(int(x), 1), columns - 3), min(max(int(z), 1), rows - 3)
    a, b = min(max(x - i, 0.0), 1.0), min(max(z - j, 0.0), 1.0)
    slope_x, slope_z = 0.0, 0.0
    for corner in range(4):
        p, q = corner & 1, corner >> 1
        weight = (a if p else 1.0 - a) * (b if q else 1.0 - b)
        node = start + (j + q) * columns + i + p
        slope_x += weight * 0.5 * (heights[node + 1] - heights[node - 1])
        slope_z += weight * 0.5 * (heights[node + columns] - heights[node - columns])
    return -slope_x, 1.0, -slope_z
