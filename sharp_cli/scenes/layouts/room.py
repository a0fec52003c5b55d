"""Indoors: four walls, furniture along them and in the middle, pictures, a doorway now and then."""

from __future__ import annotations

import math

from sharp_cli.scenes import lights
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.paints import paint, picture
from sharp_cli.scenes.props import furniture
from sharp_cli.scenes.props.beings import person, quadruped
from sharp_cli.scenes.props.tableware import scatter


def room(b: SceneBuilder) -> Framing:
    rng = b.rng
    left, right = -rng.uniform(1.2, 3.5), rng.uniform(1.2, 3.5)
    back, behind, ceiling = rng.uniform(2.5, 8.0), -rng.uniform(0.6, 2.5), rng.uniform(2.3, 3.6)
    wall = paint(b, "wall")
    other = paint(b, "wall") if rng.random() < 0.3 else wall
    _wall(b, (left, 0, behind), (left, 0, back), ceiling, other, (1, 0, 0))
    _wall(b, (right, 0, behind), (right, 0, back), ceiling, wall, (-1, 0, 0))
    _wall(b, (left, 0, back), (right, 0, back), ceiling, wall, (0, 0, -1))
    _wall(b, (left, 0, behind), (right, 0, behind), ceiling, wall, (0, 0, 1))
    middle, half = ((left + right) / 2, (back + behind) / 2), ((right - left) / 2, (back - behind) / 2)
    b.flat((middle[0], 0, middle[1]), (half[0], 0, 0), (0, 0, half[1]), paint(b, "floor"))
    white = paint(b, "ceramic", 0.3, shine=0.0)
    b.flat((middle[0], ceiling, middle[1]), (half[0], 0, 0), (0, 0, half[1]), white)
    b.crease((0, 1, 0), 0, 0.35)
    b.crease((0, -1, 0), -ceiling, 0.35)
    for side, x in ((1, left), (-1, right)):  # skirting
        b.box((x + side * 0.008, 0.05, middle[1]), (0.008, 0.05, half[1]), white)
    b.box((middle[0], 0.05, back - 0.008), (half[0], 0.05, 0.008), white)

    _pictures(b, left, right, back, ceiling)
    _furnish(b, left, right, back)
    if rng.random() < 0.4:
        furniture.hanging_lamp(b, rng.uniform(left, right) * 0.6, rng.uniform(1.5, back - 0.5), ceiling)
    if rng.random() < 0.5:  # a rug
        x, z = rng.uniform(left, right) * 0.5, rng.uniform(1.2, back - 0.5)
        b.box(
            (x, 0.006, z), (rng.uniform(0.5, 1.3), 0.006, rng.uniform(0.4, 1.0)), paint(b, "fabric"), rng.normal(0, 0.3)
        )
    lights.indoors(b, (left, 0, behind), (right, ceiling, back))
    eye = (rng.uniform(left, right) * 0.5, rng.uniform(0.9, 1.75), rng.uniform(0.6 * behind, 0.0))
    return Framing(
        eye, pitch=rng.normal(0.12, 0.14), yaw=rng.normal(0, 0.3), mm=(18, 60), subject=0.6 * (back - eye[2])
    )


def _wall(
    b: SceneBuilder, start: tuple[float, float, float], end: tuple[float, float, float], height: float, material: int,
    normal: tuple[float, float, float],
) -> None:  # fmt: skip
    x, z = (start[0] + end[0]) / 2, (start[2] + end[2]) / 2
    b.flat((x, height / 2, z), ((end[0] - start[0]) / 2, 0, (end[2] - start[2]) / 2), (0, height / 2, 0), material)
    b.crease(normal, normal[0] * start[0] + normal[2] * start[2], 0.35)


def _pictures(b: SceneBuilder, left: float, right: float, back: float, ceiling: float) -> None:
    """On the walls: frames, windows, a door, curtains."""
    rng = b.rng
    for _ in range(int(rng.integers(0, 4))):
        size = rng.uniform(0.15, 0.6)
        up = rng.uniform(1.2, ceiling - 0.7)
        which = int(rng.integers(4))
        if which < 2:
            furniture.wall_picture(b, (rng.uniform(left + 0.7, right - 0.7), up, back - 0.02), (1, 0), size)
        else:
            x = left + 0.02 if which == 2 else right - 0.02
            furniture.wall_picture(b, (x, up, rng.uniform(1.0, back - 0.7)), (0, 1), size)
    if rng.random() < 0.5:  # a window, bright, with or without curtains
        x, wide, tall = rng.uniform(left + 0.8, right - 0.8), rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.7)
        view = picture(b, "photo", emission=rng.uniform(1.0, 3.0))
        frame = paint(b, "ceramic", shine=0.0)
        b.box((x, 1.5, back - 0.02), (wide, tall, 0.01), view)
        for dx in (-wide, 0.0, wide):
            b.box((x + dx, 1.5, back - 0.04), (0.025, tall, 0.02), frame)
        for dy in (-tall, 0.0, tall):
            b.box((x, 1.5 + dy, back - 0.04), (wide, 0.025, 0.02), frame)
        if rng.random() < 0.6:
            cloth = paint(b, "fabric")
            for side in (-1, 1):
                for i in range(5):
                    fold = (x + side * (wide + 0.1 - 0.09 * i), 0.1, back - 0.1)
                    b.rod(fold, (fold[0], ceiling - 0.2, fold[2]), 0.05, 0.045, cloth)
    if rng.random() < 0.4:
        x = left + 0.02 if rng.random() < 0.5 else right - 0.02
        b.box((x, 1.0, rng.uniform(1.5, max(back - 0.6, 1.6))), (0.02, 1.0, 0.42), paint(b, "wood"))


def _furnish(b: SceneBuilder, left: float, right: float, back: float) -> None:
    rng = b.rng
    spots = [(x, back - 0.5, 0.0) for x in (left * 0.6, 0.0, right * 0.6)]
    spots += [(left + 0.45, z, math.pi / 2) for z in (1.2, 2.6, 4.0) if z < back - 0.8]
    spots += [(right - 0.45, z, -math.pi / 2) for z in (1.2, 2.6, 4.0) if z < back - 0.8]
    along = [furniture.shelf, furniture.cabinet, furniture.sofa, furniture.cabinet, furniture.table, furniture.chair]
    for x, z, yaw in spots:
        if rng.random() < 0.65:
            place = along[int(rng.integers(len(along)))]
            place(b, x + rng.normal(0, 0.1), z, yaw + rng.normal(0, 0.05))
    for _ in range(int(rng.integers(1, 5))):
        x, z, yaw = rng.uniform(left, right) * 0.6, rng.uniform(1.2, max(back - 1.2, 1.3)), rng.uniform(0, 2 * math.pi)
        kind = int(rng.integers(7))
        if kind == 0 and back > 5:
            furniture.bed(b, x, back - 1.2, rng.choice([0.0, math.pi / 2]))
        elif kind == 1:
            furniture.floor_lamp(b, x, z)
        elif kind == 2:
            furniture.table(b, x, z, yaw)
        elif kind == 3 and z > 1.6:
            person(b, x, 0, z, rng.uniform(1.5, 1.9), yaw)
        elif kind == 4:
            quadruped(b, x, 0, z, rng.uniform(0.3, 0.7), yaw, close=False)
        elif kind == 5:
            for _ in range(3):
                scatter(b, x + rng.normal(0, 0.4), 0, z + rng.normal(0, 0.4), rng.uniform(0.08, 0.25))
        else:
            furniture.chair(b, x, z, yaw)
