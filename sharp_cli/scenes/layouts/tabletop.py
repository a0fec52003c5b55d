"""Close-ups: a table with cups, fruit, books; a wall, a window or a blurred room behind."""

from __future__ import annotations

import math

from sharp_cli.scenes import layout as at
from sharp_cli.scenes import lights
from sharp_cli.scenes.bank import OPEN_SKY
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.paints import paint, picture
from sharp_cli.scenes.props import tableware
from sharp_cli.scenes.props.beings import bird, quadruped
from sharp_cli.scenes.props.nature import blades, flower


def tabletop(b: SceneBuilder) -> Framing:
    rng = b.rng
    top = paint(b, str(rng.choice(["wood", "wood", "fabric", "stone", "lacquer", "soil", "grass"])), rng.uniform(1, 2))
    reach, edge = rng.uniform(0.4, 1.2), rng.uniform(0.5, 2.0)
    b.box((0, -0.03, edge - 0.8), (reach, 0.03, 0.8), top, rng.normal(0, 0.15))
    b.box((0, -0.75, edge - 0.8), (3.5, 0.01, 6.0), paint(b, "floor"))
    distance = rng.uniform(0.28, 0.9)
    _background(b, edge)

    size = rng.uniform(0.035, 0.07)
    kind = int(rng.integers(8))
    yaw = rng.uniform(-0.8, 0.8)
    if kind < 3:
        tableware.mug(b, 0, 0, 0, size, yaw)
    elif kind == 3:
        tableware.bowl_of_fruit(b, 0, 0, 0, 2.2 * size)
    elif kind == 4:
        flower(b, 0, -0.05, 0, 3.5 * size)
        blades(b, 0.05, 0, 0.1, 3 * size, 12, 0.1)
    elif kind == 5:
        (bird if rng.random() < 0.5 else _kitten)(b, 0, 0, 0, 3 * size, rng.uniform(0, 6))
    else:
        tableware.scatter(b, 0, 0, 0, 1.5 * size)
    for _ in range(int(rng.integers(0, 9))):
        x, z = rng.uniform(-0.8, 0.8) * reach, rng.uniform(-0.1, edge)
        if math.hypot(x, z) > 2.2 * size:
            tableware.scatter(b, x, 0, z, rng.uniform(0.04, 0.1))
    if rng.random() < 0.3:
        half = (rng.uniform(0.1, 0.25), 0.001, rng.uniform(0.1, 0.2))
        b.box((rng.normal(0, 0.1), 0.001, 0), half, picture(b, "print", "fabric"), rng.normal(0, 0.4))
    pitch = abs(rng.normal(0.45, 0.28)) + 0.03
    aim = size * rng.uniform(0.3, 1.2)
    eye = (rng.normal(0, 0.04), aim + distance * math.sin(pitch), -distance * math.cos(pitch))
    if rng.random() < 0.7:
        b.light[at.FOCUS], b.light[at.APERTURE] = distance, rng.uniform(0, 0.02)
    return Framing(eye, pitch, rng.normal(0, 0.08), mm=(24, 85), subject=distance)


def _kitten(b: SceneBuilder, x: float, y: float, z: float, size: float, yaw: float) -> None:
    quadruped(b, x, y, z, size, yaw, close=True)


def _background(b: SceneBuilder, edge: float) -> None:
    """A wall close or far behind the table, or the surroundings as a panorama shows them."""
    rng = b.rng
    wall = edge + rng.choice([0.05, rng.uniform(0.2, 1.0), rng.uniform(1, 5)])
    if rng.random() < 0.35:
        inside = tuple(name for name in (*b.bank.panoramas,) if name not in OPEN_SKY)
        names = tuple(name.removesuffix("-small") for name in inside)
        panorama = b.bank.pick_panorama(rng, names)
        lights.staged(b, panorama)
        b.light[at.STAGE_Y] = 0.4
        far = rng.uniform(2, 6)
        surround = b.material(0, (1, 1, 1), panorama=panorama)
        for x, z, right in ((0, far, (far, 0, 0)), (-far, 0, (0, 0, far)), (far, 0, (0, 0, far))):
            b.flat((x, 1.2, z), right, (0, 2.2, 0), surround)
        return
    b.flat(
        (0, 0.6, wall), (4, 0, 0), (0, 1.4, 0), paint(b, str(rng.choice(["wall", "wall", "masonry", "wood", "fabric"])))
    )
    b.crease((0, 0, -1), -wall, 0.2)
    b.crease((0, 1, 0), 0, 0.04)
    for _ in range(int(rng.integers(0, 3))):
        place = (rng.uniform(-1.5, 1.5), rng.uniform(0.1, 0.9), wall - 0.02)
        b.box(place, (rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.5), 0.02), picture(b, "photo", "print", "shelf"))
    lights.indoors(b, (-2, 0, -2), (2, 1.9, wall))
    b.light[at.KEY_POINT] = rng.uniform(0.8, 1.6)
