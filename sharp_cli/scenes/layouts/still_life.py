"""Things arranged on a floor or a cloth, not far in front of a backdrop, through lenses from normal to long."""

from __future__ import annotations

import math

from sharp_cli.scenes import lights
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.paints import paint, picture
from sharp_cli.scenes.props import furniture, tableware
from sharp_cli.scenes.props.beings import bird, quadruped
from sharp_cli.scenes.props.nature import rock
from sharp_cli.scenes.props.town import bench
from sharp_cli.scenes.props.vehicles import two_wheeler

LENSES = (28.0, 110.0)
"""Focal lengths, 35 mm equivalent."""


def still_life(b: SceneBuilder) -> Framing:
    rng = b.rng
    yaw = rng.uniform(0, 2 * math.pi)
    extent = _main_thing(b, yaw)
    across = extent * rng.uniform(1.0, 2.2)  # what the longer side of the picture shows there [m]
    mm = _evenly(b, *LENSES)
    distance = max(across * mm / 36.0, 0.45)
    back = across * rng.uniform(0.25, 1.1)
    _surroundings(b, back, across, distance)
    for _ in range(int(rng.integers(2, 13))):
        x, z = rng.uniform(-0.5, 0.5) * across, rng.uniform(-0.3 * across, back)
        _something(b, x, z, min(_evenly(b, 0.04, 0.16), 0.2 * across))
    pitch = abs(rng.normal(0.15, 0.2))
    aim = extent * rng.uniform(0.2, 0.5)
    eye = (rng.normal(0, 0.05) * across, aim + distance * math.sin(pitch), -distance * math.cos(pitch))
    return Framing(eye, pitch, rng.normal(0, 0.06), mm=(mm, mm), subject=distance)


def _main_thing(b: SceneBuilder, yaw: float) -> float:
    """Puts it at the origin, in a size that it has in life; about how wide or tall it is [m]."""
    kind = int(b.rng.integers(10))
    if kind == 0:
        two_wheeler(b, b.rng.normal(0, 0.1), 0, 0, yaw)
        return 1.9
    if kind == 1:
        bench(b, 0, 0, 0, yaw)
        return 1.6
    if kind == 2:
        furniture.chair(b, 0, 0, yaw)
        return 1.1
    if kind == 3:
        furniture.cabinet(b, 0, 0, 0.3 * math.sin(yaw))
        return 1.6
    if kind == 4:
        size = b.rng.uniform(0.25, 0.7)
        quadruped(b, 0, 0, 0, size, yaw, close=True)
        return 1.6 * size
    if kind == 5:
        size = b.rng.uniform(0.12, 0.35)
        bird(b, 0, 0, 0, size, yaw)
    elif kind == 6:
        size = b.rng.uniform(0.2, 0.8)
        rock(b, 0, 0, 0, 0.5 * size)
    elif kind == 7:
        size = b.rng.uniform(0.3, 0.9)  # of the small things alone
    else:
        size = _evenly(b, 0.25, 0.9)
        tableware.potted_plant(b, 0, 0, 0, size)
    return size


def _evenly(b: SceneBuilder, low: float, high: float) -> float:
    """Sampled evenly in the logarithm."""
    return math.exp(b.rng.uniform(math.log(low), math.log(high)))


def _surroundings(b: SceneBuilder, back: float, across: float, distance: float) -> None:
    """A floor and what stands behind: a wall, a cloth hung up, a picture, cases and cabinets."""
    rng = b.rng
    kind = rng.random()
    high, reach = 1.5 * across + 1.0, 3.0 * (distance + back)
    repeat = rng.uniform(2, 6)  # of a print, a meter
    printed = picture(b, "print", across=round(5 * across * repeat), down=round(2 * high * repeat))
    cloth = paint(b, "fabric") if rng.random() < 0.5 else printed
    floor = cloth if rng.random() < 0.3 else paint(b, str(rng.choice(["floor", "fabric", "wood", "road"])))
    b.ground(floor, reach=reach)
    if kind < 0.4:  # hung up in folds, which lie on the floor
        b.flat((0, high, back), (2.5 * across, 0, 0), (0, high, 0), cloth)
        fold = 0.03 * across
        for _ in range(int(rng.integers(0, 9))):
            x = rng.uniform(-0.7, 0.7) * across
            thick = fold * rng.uniform(0.3, 1.0)
            b.rod((x, 0, back), (x + rng.normal(0, 0.1) * across, 2 * high, back), thick, 0.7 * thick, cloth)
    else:
        wall = paint(b, str(rng.choice(["wall", "masonry", "wood", "fabric"])))
        b.flat((0, high, back), (reach, 0, 0), (0, high, 0), wall)
    if kind > 0.6 and across > 1.0:
        for x in (-0.4, 0.1, 0.5):
            if rng.random() < 0.7:
                along = furniture.shelf if rng.random() < 0.6 else furniture.cabinet
                along(b, x * across + rng.normal(0, 0.1), back - 0.2, rng.normal(0, 0.05))
    elif kind > 0.5:
        wide, tall = across * rng.uniform(0.15, 0.6), across * rng.uniform(0.1, 0.4)
        place = (rng.normal(0, 0.2) * across, tall * rng.uniform(1, 1.6), back - 0.02)
        b.box(place, (wide, tall, 0.01), picture(b, "photo", "print"))
    b.crease((0, 0, -1), -back, 0.3 * across)
    b.crease((0, 1, 0), 0, 0.08 * across)
    lights.indoors(b, (-2 - across, 0, -distance), (2 + across, 2.2 + across, back))


def _something(b: SceneBuilder, x: float, z: float, size: float) -> None:
    """A small thing, a board that leans, or a stick."""
    rng = b.rng
    kind = int(rng.integers(8))
    if kind == 0:
        turn, lean = rng.normal(0, 0.7), rng.uniform(0.05, 0.6)
        up = (size * math.sin(turn) * lean, size, size * math.cos(turn) * lean)
        right = (size * rng.uniform(0.6, 1.8) * math.cos(turn), 0.0, -size * math.sin(turn))
        b.flat((x, up[1], z), right, up, picture(b, "print", "photo", "print"))
    elif kind == 1:
        end = (x + rng.normal(0, 1.5) * size, size * rng.uniform(1, 5), z + rng.normal(0, 1.0) * size)
        b.rod((x, 0, z), end, 0.08 * size, 0.06 * size, paint(b, str(rng.choice(["wood", "metal", "lacquer"]))))
    elif kind == 2:
        half = size * rng.uniform(0.5, 1.2, 3)
        b.box((x, half[1], z), half, paint(b, str(rng.choice(["wood", "ceramic", "fabric"])), 2.0), rng.uniform(0, 6))
        b.dims((x, 0.5 * half[1], z), float(half.min()))
    else:
        tableware.scatter(b, x, 0, z, size)
