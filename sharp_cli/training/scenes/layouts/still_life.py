"""Things arranged on a floor or a cloth, not far in front of a backdrop, through lenses from normal to long."""

from __future__ import annotations

import math

from sharp_cli.training.scenes import lights
from sharp_cli.training.scenes.builder import SceneBuilder
from sharp_cli.training.scenes.framing import Framing
from sharp_cli.training.scenes.paints import paint, picture
from sharp_cli.training.scenes.props import furniture, tableware
from sharp_cli.training.scenes.props.beings import bird, quadruped
from sharp_cli.training.scenes.props.nature import rock
from sharp_cli.training.scenes.props.town import bench
from sharp_cli.training.scenes.props.vehicles import two_wheeler

ACROSS = (0.4, 3.0)
"""What the longer side of the picture shows where the middle of the arrangement is [m]."""
LENSES = (28.0, 110.0)
"""Focal lengths, 35 mm equivalent."""


def still_life(b: SceneBuilder) -> Framing:
    rng = b.rng
    across = _evenly(b, *ACROSS)
    mm = _evenly(b, *LENSES)
    distance = max(across * mm / 36.0, 0.45)
    back = across * rng.uniform(0.25, 1.1)
    _surroundings(b, back, across, distance)

    main = int(rng.integers(8))
    yaw = rng.uniform(0, 2 * math.pi)
    if across > 1.6 and main < 4:
        large = (two_wheeler, bench, _chair, _cabinet)[main]
        large(b, rng.normal(0, 0.1), 0, 0, yaw)
    elif main < 4:
        tableware.potted_plant(b, 0, 0, 0, across * rng.uniform(0.4, 0.9))
    elif main == 4:
        quadruped(b, 0, 0, 0, min(0.5 * across, 0.9), yaw, close=True)
    elif main == 5:
        bird(b, 0, 0, 0, min(0.4 * across, 0.5), yaw)
    elif main == 6:
        rock(b, 0, 0, 0, 0.2 * across)
    for _ in range(int(rng.integers(2, 13))):
        x, z = rng.uniform(-0.5, 0.5) * across, rng.uniform(-0.3 * across, back)
        _something(b, x, z, min(across * rng.uniform(0.05, 0.16), 0.3))

    pitch = abs(rng.normal(0.15, 0.2))
    aim = across * rng.uniform(0.08, 0.3)
    eye = (rng.normal(0, 0.05) * across, aim + distance * math.sin(pitch), -distance * math.cos(pitch))
    return Framing(eye, pitch, rng.normal(0, 0.06), mm=(mm, mm), subject=distance)


def _evenly(b: SceneBuilder, low: float, high: float) -> float:
    """Drawn evenly in the logarithm."""
    return math.exp(b.rng.uniform(math.log(low), math.log(high)))


def _surroundings(b: SceneBuilder, back: float, across: float, distance: float) -> None:
    """A floor and what stands behind: a wall, a cloth hung up, a picture, cases and cabinets."""
    rng = b.rng
    detail = min(max(1.0 / across, 0.5), 2.0)
    cloth = paint(b, "fabric", detail) if rng.random() < 0.5 else picture(b, "print", across=6, down=3)
    floor = cloth if rng.random() < 0.3 else paint(b, str(rng.choice(["floor", "fabric", "wood", "road"])), detail)
    reach = 3.0 * (distance + back)
    b.ground(floor, reach=reach)
    kind = rng.random()
    high = 1.5 * across + 1.0
    if kind < 0.4:  # hung up in folds, which lie on the floor
        b.flat((0, high, back), (2.5 * across, 0, 0), (0, high, 0), cloth)
        fold = 0.03 * across
        for _ in range(int(rng.integers(0, 9))):
            x = rng.uniform(-0.7, 0.7) * across
            thick = fold * rng.uniform(0.3, 1.0)
            b.rod((x, 0, back), (x + rng.normal(0, 0.1) * across, 2 * high, back), thick, 0.7 * thick, cloth)
    else:
        wall = paint(b, str(rng.choice(["wall", "masonry", "wood", "fabric"])), detail)
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


def _chair(b: SceneBuilder, x: float, y: float, z: float, yaw: float) -> None:
    furniture.chair(b, x, z, yaw)


def _cabinet(b: SceneBuilder, x: float, y: float, z: float, yaw: float) -> None:
    furniture.cabinet(b, x, z, 0.3 * math.sin(yaw))
