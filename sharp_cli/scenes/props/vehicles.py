"""Cars, motorcycles and bicycles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from sharp_cli.scenes.builder import SceneBuilder, turned
from sharp_cli.scenes.paints import paint


def car(b: SceneBuilder, x: float, y: float, z: float, yaw: float) -> None:
    """Body, cabin with dark windows, four wheels."""
    rng = b.rng
    body, glass, tyre = paint(b, "lacquer"), paint(b, "dark"), paint(b, "dark", shine=0.05)
    length, width, tall = rng.uniform(1.9, 2.4), rng.uniform(0.82, 0.95), rng.uniform(0.65, 0.95)
    axes = turned(yaw)

    def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
        return x + dx * axes[0][0] + dz * axes[2][0], y + dy, z + dx * axes[0][2] + dz * axes[2][2]

    b.rounded(place(0, 0.58, 0), (width, 0.33, length), 0.2, body, yaw)
    back = rng.uniform(-0.4, 0.1)
    b.rounded(place(0, 0.6 + tall / 2, back), (0.82 * width, tall / 2, 0.55 * length), 0.25, glass, yaw)
    b.rounded(place(0, 0.6 + tall, back), (0.72 * width, 0.05, 0.42 * length), 0.05, body, yaw)
    for side in (-1, 1):
        for end in (-0.62, 0.62):
            start, stop = place(side * width * 0.8, 0.32, end * length), place(side * width * 1.02, 0.32, end * length)
            b.rod(start, stop, 0.32, 0.32, tyre)
            hub = place(side * width * 1.03, 0.32, end * length)
            b.rod(stop, hub, 0.18, 0.15, paint(b, "metal"))
    b.dims(place(0, 0.2, -0.5 * length), 0.8)
    b.dims(place(0, 0.2, 0.5 * length), 0.8)


Capsule = tuple[float, ...]


def two_wheeler(b: SceneBuilder, x: float, y: float, z: float, yaw: float) -> None:
    """A motorcycle, or a bicycle: wheels with spokes, frame, handlebar, saddle; with a motor tank, engine and lamp."""
    rng = b.rng
    motor = rng.random() < 0.6
    tyre, metal, body = paint(b, "dark", shine=0.05), paint(b, "metal"), paint(b, "lacquer")
    radius, thick, tube, top = (0.3, 0.06, 0.03, 0.85) if motor else (0.33, 0.022, 0.018, 0.8)
    base, stretch = 0.7 * rng.uniform(0.9, 1.1), rng.uniform(0.85, 1.1)
    hub = radius + thick

    def part(capsules: Sequence[Capsule], blend: float, material: int) -> None:
        b.blob((x, y, z), capsules, blend, material, yaw, stretch)

    def rim(middle: float, turn: float) -> tuple[float, float]:
        return middle + radius * math.cos(turn), hub + radius * math.sin(turn)

    for middle in (-base, base):
        around = [rim(middle, 2 * math.pi * i / 14) for i in range(15)]
        part([_rod(*p, *q, thick) for p, q in pairwise(around)], 0.01, tyre)
        part([_rod(middle, hub, *rim(middle, 0.3 + 1.05 * i), 0.2 * thick) for i in range(6)], 0.01, metal)
        b.dims((x + middle * math.cos(yaw), y + 0.15, z + middle * math.sin(yaw)), 0.2)
    head, seat, pedals, rear = (0.72 * base, top), (-0.35 * base, top - 0.1), (0.0, 0.4), (-base, hub)
    lines = (
        ((base, hub), (head[0], top + 0.1)),
        (head, pedals),
        (pedals, rear),
        (head, seat),
        (seat, pedals),
        (rear, seat),
    )
    part([_rod(*p, *q, tube) for p, q in lines], 0.02, metal if motor else body)
    bar = [(0.7 * base, top + 0.15, 0, tube, 0.6 * base, top + 0.2, side * 0.3, 0.7 * tube) for side in (-1, 1)]
    part(bar, 0.02, metal)
    part(
        [_rod((-0.75 if motor else -0.45) * base, top, -0.25 * base, top, 0.1 if motor else 0.05)],
        0.02,
        paint(b, "dark"),
    )
    if motor:
        tank, fender = _rod(-0.1, top + 0.02, 0.3, top + 0.08, 0.13), _rod(-base, 0.72, -0.6, 0.8, 0.06)
        part([tank, fender], 0.1, body)
        exhaust = (0, 0.28, -0.15, 0.04, -base, 0.26, -0.15, 0.04)
        part([_rod(-0.1, 0.38, 0.15, 0.42, 0.13), _rod(0.1, 0.45, 0.2, 0.65, 0.08), exhaust], 0.04, metal)
        part([_rod(base - 0.1, top + 0.05, base - 0.06, top + 0.05, 0.09)], 0.01, metal)
        b.dims((x, y + 0.3, z), 0.3)


def _rod(x0: float, y0: float, x1: float, y1: float, radius: float) -> Capsule:
    """In the plane that both wheels are in."""
    return x0, y0, 0.0, radius, x1, y1, 0.0, radius
