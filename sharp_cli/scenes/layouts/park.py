"""Open ground: lawns, woods, beaches, farmyards; level or rolling."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sharp_cli.scenes import lights
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.layout import Doubles
from sharp_cli.scenes.layouts.relief import relief
from sharp_cli.scenes.paints import mixed, paint
from sharp_cli.scenes.props import nature, town, vehicles
from sharp_cli.scenes.props.beings import bird, person, quadruped

GROUNDS = (
    ("grass", "soil"),
    ("grass", "grass"),
    ("soil", "grass"),
    ("sand", "sand"),
    ("snow", "soil"),
    ("paving", "grass"),
)


def park(b: SceneBuilder) -> Framing:
    rng = b.rng
    height_at = rolling_ground(b, rng.choice([0.0, 0.0, rng.uniform(0.3, 3.0)]))
    eye_height = rng.choice([rng.uniform(1.3, 1.8), rng.uniform(0.25, 1.2), rng.uniform(2, 6)], p=[0.6, 0.25, 0.15])
    yaw = rng.normal(0, 0.2)
    wooded = rng.uniform(0, 1) ** 2
    season = str(rng.choice(["leaves", "leaves", "leaves", "autumn"]))
    for _ in range(int(3 + 38 * wooded)):
        z = rng.uniform(5, 90) if rng.random() < 0.7 else rng.uniform(4, 25)
        x = yaw * z + rng.uniform(-0.8, 0.8) * z
        if abs(x - yaw * z) < 0.6:
            continue
        y, kind = height_at(x, z), rng.random()
        if kind < 0.5:
            nature.tree(b, x, y, z, rng.uniform(4, 14), z, season)
        elif kind < 0.75:
            nature.conifer(b, x, y, z, rng.uniform(4, 18), z)
        elif kind < 0.82:
            nature.bare_tree(b, x, y, z, rng.uniform(4, 10))
        else:
            nature.bush(b, x, y, z, rng.uniform(0.4, 1.5), z)
    for _ in range(int(rng.integers(2, 10))):
        z = rng.uniform(2.0, 25)
        _something(b, yaw * z + rng.uniform(-0.55, 0.55) * z, z, height_at)
    if rng.random() < 0.4:
        start, along = rng.uniform(-8, 0), rng.uniform(-0.3, 0.3)
        z = rng.uniform(4, 12)
        town.fence(b, (start, height_at(start, z), z), (1.6, along), 12, rng.uniform(0.7, 1.3))
    for _ in range(int(rng.integers(0, 3))):
        z = rng.uniform(30, 100)
        half = (rng.uniform(3, 8), rng.uniform(1.5, 5), rng.uniform(3, 6))
        town.house(b, rng.uniform(-0.7, 0.7) * z, z, half, rng.uniform(0, 3), rng.random() < 0.7)
    if rng.random() < 0.5:
        _forest_edge(b, rng.uniform(60, 140), rng.uniform(5, 14))
    if rng.random() < 0.35:  # something close to the lens
        z = rng.uniform(0.7, 1.6)
        x = rng.choice([-1, 1]) * rng.uniform(0.15, 0.45) * z + yaw * z
        nature.blades(b, x, height_at(x, z), z, eye_height * rng.uniform(0.5, 1.0), int(rng.integers(8, 30)), 0.25)
    lights.daylight(b, haze=0.01)
    eye = (0.0, height_at(0, 0) + eye_height, 0.0)
    return Framing(eye, pitch=rng.normal(0.05, 0.1), yaw=yaw, mm=(20, 60), subject=rng.uniform(3, 12))


def rolling_ground(b: SceneBuilder, bumps: float) -> Callable[[float, float], float]:
    """Level ground, or hills ``bumps`` meters high around the camera; returns the height at (x, z)."""
    rng = b.rng
    ground = mixed(b, *GROUNDS[int(rng.integers(len(GROUNDS)))], size=rng.uniform(0.4, 6), level=rng.uniform(0.35, 0.8))
    if bumps == 0:
        b.ground(ground)
        return lambda x, z: 0.0
    cell, side = 1.4, 129
    heights: Doubles = bumps * (relief(rng, side, rng.uniform(1.8, 2.6)) - 0.5)
    heights -= heights[12, 64]
    corner = (-64 * cell, 0.0, -12 * cell)
    b.terrain(corner, (cell, cell), heights, ground)
    b.ground(ground, float(heights.min()))

    def height_at(x: float, z: float) -> float:
        i = min(max(round(x / cell + 64), 0), side - 1)
        j = min(max(round(z / cell + 12), 0), side - 1)
        return float(heights[j, i]) - 0.03

    return height_at


def _something(b: SceneBuilder, x: float, z: float, height_at: Callable[[float, float], float]) -> None:
    rng = b.rng
    y, yaw = height_at(x, z), rng.uniform(0, 2 * math.pi)
    kind = int(rng.integers(9))
    if kind < 2:
        person(b, x, y, z, rng.uniform(1.2, 1.95), yaw)
    elif kind == 2:
        quadruped(b, x, y, z, rng.uniform(0.5, 1.7), yaw, close=False)
    elif kind == 3:
        nature.rock(b, x, y, z, rng.uniform(0.2, 1.3))
    elif kind == 4:
        nature.bush(b, x, y, z, rng.uniform(0.3, 0.8), z)
    elif kind == 5:
        town.bench(b, x, y, z, yaw)
    elif kind == 6:
        for _ in range(5):
            nature.flower(b, x + rng.normal(0, 0.3), y, z + rng.normal(0, 0.3), rng.uniform(0.2, 0.6))
    elif kind == 7:
        vehicles.car(b, x, y, max(z, 5), yaw)
    else:
        bird(b, x, y, z, rng.uniform(0.15, 0.4), yaw)


def _forest_edge(b: SceneBuilder, z: float, height: float) -> None:
    """A wall of far trees along the horizon."""
    rng = b.rng
    side = 80
    tops = height * (0.6 + 0.8 * relief(rng, side, 1.0)[0])
    tops *= np.where(rng.random(side) < 0.06, 0.3, 1.0)
    strip = np.stack([np.zeros(side), tops, tops * rng.uniform(0.7, 1.1, side), np.zeros(side)])
    b.terrain((-2.2 * z, 0, z), (4.4 * z / side, 5.0), strip, paint(b, "leaves", 0.35))


def launch(b: SceneBuilder) -> Framing:
    """Something tall and far against the sky: a tower, a mast, a rocket on its pad."""
    rng = b.rng
    height_at = rolling_ground(b, 0.0)
    distance, height = rng.uniform(40, 400), rng.uniform(20, 90)
    aside = rng.normal(0, 0.08) * distance
    town.tower(b, aside, 0, distance, height)
    for _ in range(int(rng.integers(0, 5))):
        x = aside + rng.normal(0, 0.5) * height
        kind, tall = int(rng.integers(3)), height * rng.uniform(0.2, 1.0)
        if kind == 0:
            town.tower(b, x, 0, distance + rng.normal(0, 10), tall)
        elif kind == 1:
            town.house(b, x, distance + 10, (rng.uniform(3, 20), 0.3 * tall, 6), 0.0, False)
        else:
            steel = paint(b, "metal")
            for i in range(6):
                b.rod(
                    (x, i * tall / 6, distance), (x + 2, (i + 1) * tall / 6, distance), 0.25, 0.25, steel, closed=False
                )
                b.rod(
                    (x + 2, i * tall / 6, distance), (x, (i + 1) * tall / 6, distance), 0.25, 0.25, steel, closed=False
                )
    if rng.random() < 0.5:  # smoke
        white = paint(b, "snow", 0.2, contrast=0.8)
        for _ in range(int(rng.integers(5, 14))):
            r = height * rng.uniform(0.08, 0.3)
            b.ball(
                (aside + rng.normal(0, 0.5) * height, 0.6 * r, distance + rng.normal(0, 0.2) * height), (r, r, r), white
            )
    _forest_edge(b, distance * rng.uniform(1.1, 1.6), rng.uniform(4, 15))
    for _ in range(int(rng.integers(0, 8))):
        z = rng.uniform(0.1, 0.8) * distance
        nature.bush(b, rng.uniform(-0.6, 0.6) * z, height_at(0, z), z, rng.uniform(0.5, 3), z)
    (lights.night if rng.random() < 0.25 else lights.daylight)(b)
    mm = max(min(36 * 0.8 * distance / height, 120), 24)
    return Framing(
        (0, rng.uniform(1.5, 6), 0), -0.4 * math.atan(height / distance), mm=(0.7 * mm, 1.2 * mm), subject=12.0
    )
