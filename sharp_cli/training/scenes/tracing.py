"""Rays through the tree of boxes: the nearest shape, and whether anything stands in a light's way."""

from __future__ import annotations

import math

from sharp_cli.training.scenes import layout as at
from sharp_cli.training.scenes.compiling import inlined, kernel
from sharp_cli.training.scenes.layout import Doubles, Scene
from sharp_cli.training.scenes.noise import noise
from sharp_cli.training.scenes.shapes import (
    EVERY,
    blob_distance,
    hit_ball,
    hit_box,
    hit_cone,
    hit_distance,
    hit_flat,
    hit_terrain,
    round_distance,
)


@kernel
def nearest(
    scene: Scene,
    ox: float,
    oy: float,
    oz: float,
    dx: float,
    dy: float,
    dz: float,
    near: float,
    far: float,
    any_hit: bool,
) -> tuple[float, int]:
    """Ray parameter and index of the first shape between ``near`` and ``far``; (far, -1) where there is none.

    With ``any_hit`` the first one found counts, which is enough for a shadow.
    """
    ix, iy, iz = _inverse(dx), _inverse(dy), _inverse(dz)
    nodes, skip, leaf = scene.nodes, scene.skip, scene.leaf
    best, shape, node = far, -1, 0
    while node < len(skip):
        x0, x1 = (nodes[node, 0] - ox) * ix, (nodes[node, 3] - ox) * ix
        y0, y1 = (nodes[node, 1] - oy) * iy, (nodes[node, 4] - oy) * iy
        z0, z1 = (nodes[node, 2] - oz) * iz, (nodes[node, 5] - oz) * iz
        first = max(max(min(x0, x1), min(y0, y1)), max(min(z0, z1), near))
        last = min(min(max(x0, x1), max(y0, y1)), max(z0, z1))
        if first <= last and first < best:
            i = leaf[node]
            if i >= 0:
                t = _hit(scene, i, ox, oy, oz, dx, dy, dz, near, first, last)
                if t < best:
                    best, shape = t, i
                    if any_hit:
                        return best, shape
            node += 1
        else:
            node = skip[node]
    return best, shape


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
        ragged = 0.65 * noise(a, b, c) + 0.35 * noise(2.7 * a + 9.0, 2.7 * b, 2.7 * c)
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
    h = 1e-3 if kind == at.BLOB else 1e-4
    # differences along the four diagonals of a cube
    a = _distance(scene, i, x + h, y - h, z - h)
    b = _distance(scene, i, x - h, y - h, z + h)
    c = _distance(scene, i, x - h, y + h, z - h)
    d = _distance(scene, i, x + h, y + h, z + h)
    return a - b - c + d, c + d - a - b, b + d - a - c


@kernel
def _distance(scene: Scene, i: int, x: float, y: float, z: float) -> float:
    params = scene.params
    if scene.kinds[i] == at.BLOB:
        return blob_distance(x, y, z, scene.capsules, int(params[i, 0]), int(params[i, 1]), params[i, 2], EVERY)
    return round_distance(x, y, z, params[i, 0], params[i, 1], params[i, 2], params[i, 3])


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
