"""A road between houses, with what stands and drives there."""

from __future__ import annotations

import math

from sharp_cli.scenes import lights
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.paints import paint
from sharp_cli.scenes.props import nature, town, vehicles
from sharp_cli.scenes.props.beings import person, quadruped


def street(b: SceneBuilder) -> Framing:
    rng = b.rng
    road, walk = rng.uniform(2.5, 6.0), rng.uniform(1.2, 4.0)
    b.ground(paint(b, str(rng.choice(["road", "paving", "grass"]))), -0.12)
    end = 160.0
    b.box((0, -0.11, end / 2 - 20), (road, 0.1, end / 2), paint(b, str(rng.choice(["road", "road", "paving"]))))
    pavement = paint(b, "paving")
    for side in (-1, 1):
        b.box((side * (road + walk / 2), 0, end / 2 - 20), (walk / 2, 0.12, end / 2), pavement)
    if rng.random() < 0.6:
        paint_line = paint(b, "ceramic", shine=0.0)
        for i in range(8):
            b.box((0, -0.005, 3 + 6 * i), (0.07, 0.002, 1.2), paint_line)
    pitched = rng.random() < 0.5
    for side in (-1, 1):
        _row(b, side, road + walk, pitched)
        for _ in range(int(rng.integers(1, 6))):
            z, x = rng.uniform(4, 50), side * (road + rng.uniform(0.3, walk))
            _furnish(b, x, z, side)
        for _ in range(int(rng.integers(0, 4))):
            yaw = 0.0 if side > 0 else math.pi
            vehicles.car(b, side * (road - rng.uniform(1.0, 1.3)), 0, rng.uniform(5, 45), yaw + rng.normal(0, 0.03))
    if rng.random() < 0.3:
        town.wires(b, -road - walk, rng.uniform(8, 20), 8, 2 * (road + walk))
    if rng.random() < 0.4:  # the street ends somewhere
        town.house(b, rng.normal(0, 4), rng.uniform(50, 110), (rng.uniform(6, 14), rng.uniform(4, 15), 6), 0.0, pitched)
    lights.daylight(b, haze=0.006)
    eye = (rng.uniform(-1, 1) * (road + 0.5 * walk), rng.uniform(1.3, 2.0), 0.0)
    if rng.random() < 0.15:
        eye = (eye[0], rng.uniform(3, 9), 0.0)
    return Framing(eye, pitch=rng.normal(-0.02, 0.1), yaw=rng.normal(0, 0.35), mm=(20, 50), subject=rng.uniform(4, 15))


def _row(b: SceneBuilder, side: int, edge: float, pitched: bool) -> None:
    """Houses along one side, wall to wall or with gaps."""
    rng = b.rng
    z = rng.uniform(-8, 4)
    gap = rng.choice([0.0, rng.uniform(1, 8)])
    base = rng.uniform(2.5, 9)
    while z < 130:
        deep, high, wide = rng.uniform(3.5, 9), base * rng.uniform(0.7, 1.3), rng.uniform(3, 7)
        town.house(b, side * (edge + wide + rng.uniform(0, 0.8)), z + deep, (wide, high, deep), 0.0, pitched)
        z += 2 * deep + gap * rng.uniform(0.5, 1.5)


def _furnish(b: SceneBuilder, x: float, z: float, side: int) -> None:
    rng = b.rng
    kind = int(rng.integers(7))
    if kind == 0:
        nature.tree(b, x, 0.1, z, rng.uniform(4, 9), z)
    elif kind == 1:
        town.lamp_post(b, x, 0.1, z, rng.uniform(4, 7), -side * rng.uniform(0.6, 1.8))
    elif kind == 2:
        town.sign(b, x, 0.1, z, rng.normal(0, 0.4))
    elif kind == 3:
        town.bench(b, x, 0.12, z, side * math.pi / 2)
    elif kind == 4:
        nature.bush(b, x, 0.1, z, rng.uniform(0.4, 0.9), z)
    elif kind == 5:
        quadruped(b, x, 0.12, z, rng.uniform(0.35, 0.7), rng.uniform(0, 6), close=False)
    for _ in range(int(rng.integers(0, 3))):
        person(b, x + rng.normal(0, 0.7), 0.12, z + rng.uniform(-2, 2), rng.uniform(1.5, 1.95), rng.uniform(0, 6))
