"""A photographed panorama thrown onto the ground and walls around the camera, with modeled things standing in it."""

from __future__ import annotations

import math

from sharp_cli.scenes import layout as at
from sharp_cli.scenes import lights
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.props import nature, town
from sharp_cli.scenes.props.beings import person, quadruped
from sharp_cli.scenes.props.tableware import scatter

OPEN = ("city", "sunrise", "park", "sunset", "venice", "dawn")
"""Panoramas of level ground with little standing on it: thrown onto a plane, they are right."""


def stage(b: SceneBuilder) -> Framing:
    rng = b.rng
    panorama = b.bank.pick_panorama(rng, OPEN)
    lights.staged(b, panorama)
    height = rng.uniform(1.4, 1.8)
    b.light[at.STAGE_Y] = height
    surround = b.material(0, (1, 1, 1), panorama=panorama)
    b.ground(surround)
    far = rng.uniform(25, 80)
    for i in range(10):  # what is far around: walls to above the trees, sky beyond
        a = 2 * math.pi * i / 10
        wide = far * math.tan(math.pi / 10) * 1.001
        right = (wide * math.cos(a), 0.0, -wide * math.sin(a))
        b.flat((far * math.sin(a), 0.06 * far, far * math.cos(a)), right, (0, 0.06 * far, 0), surround)
    for _ in range(int(rng.integers(1, 6))):
        z = rng.uniform(1.5, 12)
        _something(b, rng.uniform(-0.5, 0.5) * z, z)
    eye = (rng.normal(0, 0.1), height + rng.normal(0, 0.05), rng.normal(0, 0.1))
    return Framing(eye, pitch=rng.normal(0.1, 0.1), mm=(24, 50), subject=rng.uniform(2, 6))


def _something(b: SceneBuilder, x: float, z: float) -> None:
    rng = b.rng
    yaw = rng.uniform(0, 2 * math.pi)
    kind = int(rng.integers(6))
    if kind == 0:
        person(b, x, 0, z, rng.uniform(1.4, 1.9), yaw)
    elif kind == 1:
        quadruped(b, x, 0, z, rng.uniform(0.4, 1.2), yaw, close=False)
    elif kind == 2:
        town.bench(b, x, 0, z, yaw)
    elif kind == 3:
        nature.tree(b, x, 0, z + 3, rng.uniform(3, 7), z + 3)
    elif kind == 4:
        nature.rock(b, x, 0, z, rng.uniform(0.3, 0.9))
    else:
        for _ in range(3):
            scatter(b, x + rng.normal(0, 0.3), 0, z + rng.normal(0, 0.3), rng.uniform(0.1, 0.3))
