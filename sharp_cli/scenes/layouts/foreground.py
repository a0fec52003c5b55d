"""Portraits of people and animals: a subject that fills much of the picture, another scene behind it."""

from __future__ import annotations

import math
from collections.abc import Callable

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.paints import paint
from sharp_cli.scenes.props.beings import bird, person, portrait, quadruped


def with_subject(backgrounds: tuple[Callable[[SceneBuilder], Framing], ...]) -> Callable[[SceneBuilder], Framing]:
    """A layout: one of ``backgrounds`` with someone in front of it."""

    def layout(b: SceneBuilder) -> Framing:
        rng = b.rng
        framing = backgrounds[int(rng.integers(len(backgrounds)))](b)
        ex, ey, ez = framing.eye
        yaw = framing.yaw
        distance = rng.uniform(0.55, 1.3)
        aside = rng.normal(0, 0.12) * distance

        def place(depth: float, dx: float) -> tuple[float, float]:
            return ex + depth * math.sin(yaw) + dx * math.cos(yaw), ez + depth * math.cos(yaw) - dx * math.sin(yaw)

        kind = rng.random()
        if kind < 0.55:
            pitch = rng.normal(0.03, 0.08)
            x, z = place(distance, aside)
            drop = rng.uniform(-0.05, 0.12)
            portrait(b, x, ey - distance * math.tan(pitch) - drop, z, rng.normal(0, 0.45) - yaw)
            if rng.random() < 0.2:
                x, z = place(distance * rng.uniform(1, 1.6), aside + rng.choice([-1, 1]) * rng.uniform(0.35, 0.6))
                portrait(b, x, ey - distance * math.tan(pitch) - drop - 0.05, z, rng.normal(0, 0.45) - yaw)
        elif kind < 0.85:  # an animal, near the ground or held up to the lens
            length = distance * rng.uniform(0.3, 0.65)
            x, z = place(distance, aside)
            pitch = rng.normal(0.1, 0.12)
            low = ey - distance * math.tan(pitch) - length * 0.6
            facing = -math.pi / 2 + rng.normal(0, 0.7) if rng.random() < 0.7 else rng.uniform(0, 6)
            quadruped(b, x, low, z, length, facing - yaw, close=True)
            if rng.random() < 0.7:
                _perch(b, x, low, z, length)
        elif kind < 0.95:
            distance = rng.uniform(1.5, 3.5)
            x, z = place(distance, 1.5 * aside)
            person(b, x, ey - rng.uniform(1.3, 1.7), z, rng.uniform(1.5, 1.9), rng.normal(0, 0.8))
            pitch = rng.normal(0.1, 0.08)
        else:
            size = distance * rng.uniform(0.25, 0.4)
            pitch = rng.normal(0.05, 0.08)
            x, z = place(distance, aside)
            low = ey - distance * math.tan(pitch) - 0.6 * size
            bird(b, x, low, z, size, rng.uniform(0, 6))
            _perch(b, x, low, z, size)
        if rng.random() < 0.7:
            b.light[at.FOCUS], b.light[at.APERTURE] = distance, rng.uniform(0, 0.03)
        return Framing(framing.eye, pitch, yaw, mm=(26, 70), subject=distance)

    return layout


def _perch(b: SceneBuilder, x: float, y: float, z: float, size: float) -> None:
    """A wall, table or log to stand on."""
    rng = b.rng
    top = paint(b, str(rng.choice(["wood", "stone", "masonry", "fabric", "grass"])), 0.5 / size)
    if rng.random() < 0.25:
        thick = size * rng.uniform(0.1, 0.3)
        b.rod((x - 4 * size, y - thick, z), (x + 4 * size, y - thick, z + size * rng.normal(0, 1)), thick, thick, top)
    else:
        half = (size * rng.uniform(1, 5), 0.5, size * rng.uniform(0.6, 1.5))
        b.box((x, y - 0.5, z + 0.3 * half[2]), half, top, rng.normal(0, 0.2))
