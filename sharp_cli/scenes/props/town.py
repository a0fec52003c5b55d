"""Houses, and what stands in streets and parks."""

from __future__ import annotations

import math
from itertools import pairwise

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.builder import SceneBuilder, turned
from sharp_cli.scenes.paints import paint, picture


def house(b: SceneBuilder, x: float, z: float, half: tuple[float, float, float], yaw: float, pitched: bool) -> None:
    """A block with windows all round, and a flat or pitched roof."""
    rng = b.rng
    w, h, d = half
    front = picture(b, "facade", across=max(round(w / rng.uniform(2, 5)), 1), down=max(round(h / rng.uniform(2, 4)), 1))
    axes = turned(yaw)

    def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
        return x + dx * axes[0][0] + dz * axes[2][0], dy, z + dx * axes[0][2] + dz * axes[2][2]

    b.box(place(0, h, 0), half, front, yaw)
    b.dims(place(0, 0.5 * h, 0), min(w, d))
    roof = paint(b, str(rng.choice(["masonry", "metal", "stone"])))
    if not pitched:
        b.box(place(0, 2 * h + 0.15, 0), (w + 0.15, 0.15, d + 0.15), roof, yaw)
        return
    rise = w * rng.uniform(0.5, 1.1)
    gable = paint(b, "wall")
    for side in (-1.0, 1.0):
        dx, _, dz = axes[0]
        b.flat(
            place(side * 0.54 * w, 2 * h + 0.46 * rise, 0), tuple((d + 0.3) * v for v in axes[2]),
            (side * -0.56 * w * dx, 0.56 * rise, side * -0.56 * w * dz), roof,
        )  # fmt: skip
        b.flat(place(0, 2 * h + 0.5 * rise, side * d), (w * dx, 0, w * dz), (0, 0.5 * rise, 0), gable, at.TRIANGLE)
    b.box(place(0.4 * w, 2 * h + 0.7 * rise, 0.3 * d), (0.3, 0.5 * rise, 0.3), paint(b, "masonry"), yaw)


def lamp_post(b: SceneBuilder, x: float, y: float, z: float, height: float, arm: float) -> None:
    """A thin post with an arm and a lamp."""
    metal = paint(b, "metal")
    b.rod((x, y, z), (x, y + height, z), 0.07, 0.045, metal)
    b.rod((x, y + height, z), (x + arm, y + height + 0.2, z), 0.04, 0.03, metal)
    b.rounded((x + arm, y + height + 0.18, z), (0.3, 0.06, 0.12), 0.05, metal)


def sign(b: SceneBuilder, x: float, y: float, z: float, yaw: float) -> None:
    """A plate on a post."""
    rng = b.rng
    height, size = rng.uniform(1.6, 2.8), rng.uniform(0.2, 0.6)
    b.rod((x, y, z), (x, y + height, z), 0.03, 0.03, paint(b, "metal"))
    axes = turned(yaw, (size, size * rng.uniform(0.5, 1.2), 1.0))
    outline = float(rng.choice([at.RECTANGLE, at.DISC, at.TRIANGLE]))
    b.flat((x, y + height, z - 0.04), axes[0], axes[1], picture(b, "print", "photo"), outline)


def fence(
    b: SceneBuilder, start: tuple[float, float, float], step: tuple[float, float], count: int, height: float
) -> None:
    """Posts and rails along the ground; ``step``: from post to post in x and z."""
    rng = b.rng
    wood = paint(b, str(rng.choice(["wood", "metal", "wood"])))
    thick, rails = rng.uniform(0.02, 0.07), int(rng.integers(1, 4))
    x, y, z = start
    for i in range(count):
        b.rod((x + i * step[0], y, z + i * step[1]), (x + i * step[0], y + height, z + i * step[1]), thick, thick, wood)
    for r in range(rails):
        up = y + height * (0.9 - 0.35 * r)
        end = (x + (count - 1) * step[0], up, z + (count - 1) * step[1])
        b.rod((x, up, z), end, 0.6 * thick, 0.6 * thick, wood, closed=False)


def wires(b: SceneBuilder, x: float, z: float, height: float, span: float) -> None:
    """Two poles and sagging lines between them."""
    wood, dark = paint(b, "bark"), paint(b, "dark")
    for end in (0.0, span):
        b.rod((x + end, 0, z), (x + end, height, z), 0.14, 0.1, wood)
        b.box((x + end, height - 0.5, z), (0.06, 0.06, 0.9), wood)
    for aside in (-0.8, 0.0, 0.8):
        points = [
            (x + span * t, height - 0.4 - 0.15 * span * 4 * t * (1 - t) * 0.3, z + aside)
            for t in (0, 0.2, 0.4, 0.6, 0.8, 1)
        ]
        for p, q in pairwise(points):
            b.rod(p, q, 0.02, 0.02, dark, closed=False)


def bench(b: SceneBuilder, x: float, y: float, z: float, yaw: float) -> None:
    """Slats on two supports."""
    wood, metal = paint(b, "wood"), paint(b, "metal")
    axes = turned(yaw)

    def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
        return x + dx * axes[0][0] + dz * axes[2][0], y + dy, z + dx * axes[0][2] + dz * axes[2][2]

    for i in range(3):
        b.box(place(0, 0.45, -0.16 + 0.16 * i), (0.8, 0.02, 0.06), wood, yaw)
    for i in range(2):
        b.box(place(0, 0.62 + 0.16 * i, 0.26 + 0.03 * i), (0.8, 0.06, 0.02), wood, yaw)
    for side in (-0.65, 0.65):
        b.box(place(side, 0.22, 0), (0.03, 0.22, 0.2), metal, yaw)
        b.box(place(side, 0.6, 0.26), (0.03, 0.3, 0.02), metal, yaw)
    b.dims(place(0, 0.3, 0), 0.5)


def tower(b: SceneBuilder, x: float, y: float, z: float, height: float) -> None:
    """Something tall and slender: a chimney, a mast, a rocket with its nose and fins, a lattice."""
    rng = b.rng
    radius = height * rng.uniform(0.025, 0.09)
    body = paint(b, str(rng.choice(["ceramic", "metal", "masonry", "wall"])))
    top = y + height
    kind = int(rng.integers(3))
    b.rod((x, y, z), (x, top, z), radius, radius * rng.uniform(0.5, 1.0) if kind else radius, body)
    if kind == 0:
        b.rod((x, top, z), (x, top + 4 * radius, z), radius, 0.05 * radius, paint(b, "lacquer"))
        for i in range(4):
            a = math.pi / 4 + i * math.pi / 2
            out = (1.2 * radius * math.cos(a), 0.0, 1.2 * radius * math.sin(a))
            b.flat((x + out[0], y + 2 * radius, z + out[2]), out, (0, 2 * radius, 0), paint(b, "dark"), at.TRIANGLE)
        for _ in range(2):
            band = y + height * rng.uniform(0.2, 0.9)
            b.rod((x, band, z), (x, band + radius, z), 1.02 * radius, 1.02 * radius, paint(b, "dark"))
    elif kind == 1:
        b.ball((x, top, z), (1.6 * radius, 1.2 * radius, 1.6 * radius), paint(b, "metal"))
        b.rod((x, top, z), (x, top + 5 * radius, z), 0.15 * radius, 0.05 * radius, body)
    else:
        for i in range(5):
            level = y + height * (0.3 + 0.15 * i)
            b.rod((x, level, z), (x, level + 0.3 * radius, z), 1.3 * radius, 1.3 * radius, paint(b, "dark"))
    b.dims((x, y, z), 2 * radius)
