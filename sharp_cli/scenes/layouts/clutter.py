"""Shapes of all kinds floating anywhere: no habits of layout to rely on."""

from __future__ import annotations

import math

import numpy as np

from sharp_cli.scenes import layout as at
from sharp_cli.scenes import lights
from sharp_cli.scenes.builder import SceneBuilder, turned
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.paints import PAINTS, paint, picture


def clutter(b: SceneBuilder) -> Framing:
    rng = b.rng
    names = list(PAINTS)
    back = math.exp(rng.uniform(math.log(1.2), math.log(25)))
    b.flat((0, 0, back), (4 * back, 0, 0), (0, 4 * back, 0), picture(b, "photo", "print", across=8, down=8))
    for _ in range(int(rng.integers(15, 60))):
        z = back * rng.uniform(0.08, 0.95)
        x, y = rng.uniform(-0.6, 0.6, 2) * z
        size = z * rng.uniform(0.03, 0.2)
        half = size * rng.uniform(0.15, 1.0, 3)
        cover = paint(b, names[int(rng.integers(len(names)))], 0.5 / size)
        kind, yaw = int(rng.integers(5)), rng.uniform(0, 2 * math.pi)
        if kind == 0:
            axes = np.array(turned(yaw, half), float) @ np.array(_tilt(rng.uniform(-1, 1)), float)
            b.add(at.BOX, (x, y, z), axes, cover)
        elif kind == 1:
            b.ball((x, y, z), half, cover, yaw)
        elif kind == 2:
            end = np.array((x, y, z)) + 2 * size * rng.standard_normal(3)
            b.rod((x, y, z), end, 0.3 * size, 0.3 * size * rng.random(), cover)
        elif kind == 3:
            right, up = size * rng.standard_normal((2, 3))
            b.flat((x, y, z), right, up, cover, float(rng.integers(3)))
        else:
            b.rounded((x, y, z), half, 0.4 * float(half.min()), cover, yaw)
    lights.daylight(b)
    return Framing((0, 0, 0), 0.0, 0.0, mm=(22, 100), subject=0.5 * back)


def _tilt(angle: float) -> list[list[float]]:
    c, s = math.cos(angle), math.sin(angle)
    return [[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]]
