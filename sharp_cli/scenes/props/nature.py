"""Plants and stones."""

from __future__ import annotations

import math

from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.paints import paint


def _ragged(b: SceneBuilder, radius: float, distance: float) -> dict[str, float]:
    """How torn foliage is: finely near the camera, hardly at all where that would be finer than pixels."""
    pixels = 200.0 * radius / max(distance, 0.5)
    if pixels < 6.0:
        return {}
    return {"holes": float(b.rng.uniform(0.38, 0.52)), "hole_size": min(float(b.rng.uniform(4, 9)), pixels / 4.0)}


def tree(b: SceneBuilder, x: float, y: float, z: float, height: float, distance: float, season: str = "leaves") -> None:
    """A trunk with a few boughs and a crown of ragged balls."""
    rng = b.rng
    bark = paint(b, "bark")
    trunk = height * rng.uniform(0.25, 0.5)
    thick = height * rng.uniform(0.015, 0.035)
    lean_x, lean_z = height * 0.04 * rng.standard_normal(2)
    b.rod((x, y - 0.2, z), (x + lean_x, y + trunk * 1.4, z + lean_z), thick, 0.5 * thick, bark)
    spread = height * rng.uniform(0.18, 0.32)
    leaf = paint(b, season, **_ragged(b, spread * 0.6, distance))
    for i in range(int(rng.integers(4, 10)) if distance < 60 else 2):
        angle, out = rng.uniform(0, 2 * math.pi), spread * math.sqrt(rng.random())
        cx, cz = x + lean_x + out * math.cos(angle), z + lean_z + out * math.sin(angle)
        cy = y + rng.uniform(trunk * 1.1, height * 0.85)
        size = spread * rng.uniform(0.5, 0.9)
        b.ball((cx, cy, cz), (size, size * rng.uniform(0.6, 1.0), size), leaf, rng.uniform(0, 3))
        if i < 3 and distance < 25:
            b.rod((x + lean_x * 0.6, y + trunk * 0.8, z), (cx, cy, cz), 0.4 * thick, 0.1 * thick, bark, closed=False)
    b.dims((x, y + height * 0.6, z), spread)


def conifer(b: SceneBuilder, x: float, y: float, z: float, height: float, distance: float) -> None:
    """A fir: cones one above another."""
    rng = b.rng
    wide = height * rng.uniform(0.12, 0.22)
    leaf = paint(b, "leaves", **_ragged(b, wide, distance))
    b.rod((x, y - 0.2, z), (x, y + height * 0.5, z), 0.02 * height, 0.015 * height, paint(b, "bark"))
    layers = 4 if distance < 40 else 2
    for i in range(layers):
        low = height * (0.12 + 0.8 * i / layers)
        radius = wide * (1 - 0.85 * i / layers)
        b.rod((x, y + low, z), (x, y + min(low + 1.5 * height / layers, height), z), radius, 0.04 * radius, leaf)
    b.dims((x, y + height * 0.3, z), wide)


def bare_tree(b: SceneBuilder, x: float, y: float, z: float, height: float) -> None:
    """Branches without leaves: thin structure against the sky."""
    rng = b.rng
    bark = paint(b, "bark")

    def branch(px: float, py: float, pz: float, dx: float, dy: float, dz: float, length: float, thick: float) -> None:
        qx, qy, qz = px + dx * length, py + dy * length, pz + dz * length
        b.rod((px, py, pz), (qx, qy, qz), thick, 0.6 * thick, bark, closed=False)
        if length < 0.12 * height:
            return
        for _ in range(2 if length < 0.3 * height else 3):
            ex, ey, ez = dx + rng.normal(0, 0.5), abs(dy + rng.normal(0, 0.35)) + 0.1, dz + rng.normal(0, 0.5)
            size = math.sqrt(ex * ex + ey * ey + ez * ez)
            branch(qx, qy, qz, ex / size, ey / size, ez / size, length * rng.uniform(0.55, 0.75), 0.6 * thick)

    branch(x, y - 0.1, z, 0.02, 1.0, 0.0, 0.36 * height, 0.022 * height)


def bush(b: SceneBuilder, x: float, y: float, z: float, size: float, distance: float) -> None:
    """Low ragged balls of leaves."""
    rng = b.rng
    leaf = paint(b, str(rng.choice(["leaves", "leaves", "leaves", "autumn"])), 1.5, **_ragged(b, size * 0.6, distance))
    for _ in range(int(rng.integers(2, 6))):
        dx, dz = size * 0.5 * rng.standard_normal(2)
        r = size * rng.uniform(0.4, 0.8)
        b.ball((x + dx, y + 0.6 * r, z + dz), (r, r * rng.uniform(0.6, 1), r), leaf, rng.uniform(0, 3))
    b.dims((x, y + 0.4 * size, z), size)


def rock(b: SceneBuilder, x: float, y: float, z: float, size: float) -> None:
    """A stone, partly in the ground."""
    rng = b.rng
    stone = paint(b, "stone", min(1.0 / size, 3.0))
    if rng.random() < 0.5:
        half = size * rng.uniform(0.4, 1.0, 3)
        b.rounded((x, y + 0.2 * size, z), half, 0.4 * float(half.min()), stone, rng.uniform(0, 3))
    else:
        lumps = []
        for _ in range(int(rng.integers(3, 6))):
            p = size * 0.45 * rng.standard_normal(3)
            q = p + size * 0.3 * rng.standard_normal(3)
            lumps.append((*p, size * rng.uniform(0.25, 0.5), *q, size * rng.uniform(0.2, 0.4)))
        b.blob((x, y + 0.15 * size, z), lumps, 0.2 * size, stone, rng.uniform(0, 3))
    b.dims((x, y, z), 0.8 * size)


def blades(b: SceneBuilder, x: float, y: float, z: float, height: float, count: int, spread: float) -> None:
    """Stalks of grass or reed, thin and close together."""
    rng = b.rng
    stalk = paint(b, str(rng.choice(["grass", "leaves", "sand"])), 4.0)
    for _ in range(count):
        dx, dz, lean_x, lean_z = rng.standard_normal(4) * (spread, spread, 0.25 * height, 0.25 * height)
        tall = height * rng.uniform(0.5, 1.1)
        start = (x + dx, y - 0.02, z + dz)
        b.rod(start, (x + dx + lean_x, y + tall, z + dz + lean_z), 0.02 * height, 0.002 * height, stalk, closed=False)


def flower(b: SceneBuilder, x: float, y: float, z: float, height: float) -> None:
    """A stem, a heart and petals."""
    rng = b.rng
    b.rod((x, y, z), (x, y + height, z), 0.015 * height, 0.012 * height, paint(b, "leaves", 5.0), closed=False)
    size = height * rng.uniform(0.1, 0.25)
    petals = paint(b, "fruit", 1.0, shine=0.05)
    tilt = rng.uniform(-0.6, 0.6)
    count = int(rng.integers(5, 9))
    for i in range(count):
        a = 2 * math.pi * i / count
        right = (size * math.cos(a), size * math.sin(a), -size * tilt)
        up = (-0.4 * size * math.sin(a), 0.4 * size * math.cos(a), 0.0)
        place = (x + right[0], y + height + right[1], z - 0.01 + right[2])
        b.flat(place, right, up, petals, 1.0)
    b.ball((x, y + height, z - 0.01), (0.35 * size,) * 3, paint(b, "fruit", 3.0))
