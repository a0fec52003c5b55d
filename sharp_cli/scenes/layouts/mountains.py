"""Far landscapes: ground at the feet, hills, ranges one behind the other, a lake or the sea."""

from __future__ import annotations

import numpy as np

from sharp_cli.scenes import lights
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.layouts.park import rolling_ground
from sharp_cli.scenes.layouts.relief import relief
from sharp_cli.scenes.paints import mixed, paint
from sharp_cli.scenes.props import nature, town
from sharp_cli.scenes.props.beings import person


def mountains(b: SceneBuilder) -> Framing:
    rng = b.rng
    height_at = rolling_ground(b, rng.choice([0.0, rng.uniform(1, 6)]))
    side = 129
    for z, tall in ((rng.uniform(120, 300), rng.uniform(10, 60)), (rng.uniform(400, 900), rng.uniform(60, 350))):
        if rng.random() < 0.2:
            continue
        land = relief(rng, side, rng.uniform(1.4, 1.9), ridged=rng.random() < 0.6)
        rise = np.clip(np.linspace(0, 3, side), 0, 1)[:, None]
        heights = tall * land * rise - 2.0
        width = 2.6 * z
        kind = ("grass", "leaves") if tall < 60 else ("stone", "leaves")
        if tall > 150 and rng.random() < 0.5:
            kind = ("stone", "snow")
        cover = mixed(b, *kind, size=0.2 * tall, level=rng.uniform(0.3, 0.6))
        _coarser(b, cover, 0.12 if tall < 60 else 0.03)
        b.terrain((-width / 2, 0, z), (width / side, z / side), heights, cover)
    if rng.random() < 0.35:  # water from some way on
        b.flat(
            (0, 0.05 + height_at(0, 60), 1560),
            (3000, 0, 0),
            (0, 0, 1500),
            paint(b, "water", patch_size=rng.uniform(5, 30)),
        )
    for _ in range(int(rng.integers(0, 24))):
        z = rng.uniform(6, 150)
        x = rng.uniform(-0.8, 0.8) * z
        (nature.conifer if rng.random() < 0.6 else nature.tree)(b, x, height_at(x, z), z, rng.uniform(4, 16), z)
    for _ in range(int(rng.integers(0, 7))):
        z = rng.uniform(2.5, 20)
        x = rng.uniform(-0.6, 0.6) * z
        nature.rock(b, x, height_at(x, z), z, rng.uniform(0.2, 1.2))
    if rng.random() < 0.35:
        z = rng.uniform(2.5, 10)
        x = rng.uniform(-0.4, 0.4) * z
        person(b, x, height_at(x, z), z, rng.uniform(1.5, 1.9), rng.uniform(0, 6))
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 6))):
            z = rng.uniform(60, 200)
            half = (rng.uniform(3, 7), rng.uniform(1.5, 3), rng.uniform(3, 6))
            town.house(b, rng.uniform(-0.5, 0.5) * z, z, half, rng.uniform(0, 3), True)
    lights.daylight(b, haze=0.0025)
    eye = (0.0, height_at(0, 0) + rng.choice([rng.uniform(1.4, 1.9), rng.uniform(3, 20)], p=[0.7, 0.3]), 0.0)
    return Framing(eye, pitch=rng.normal(0.02, 0.08), yaw=rng.normal(0, 0.15), mm=(20, 70), subject=rng.uniform(5, 20))


def _coarser(b: SceneBuilder, material: int, repeat: float) -> None:
    """Structure of the size of woods and rock faces, not of single leaves."""
    b.set_columns(material, repeat=repeat, repeat_2=1.3 * repeat, patches=0.3, patch_size=2.0 / repeat)
