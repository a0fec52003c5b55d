"""What rooms are filled with."""

from __future__ import annotations

import math

from sharp_cli.scenes.builder import SceneBuilder, turned
from sharp_cli.scenes.paints import paint, picture
from sharp_cli.scenes.props.tableware import scatter


def table(b: SceneBuilder, x: float, z: float, yaw: float, height: float | None = None) -> None:
    """A top on four legs, with things on it."""
    rng = b.rng
    wood = paint(b, str(rng.choice(["wood", "wood", "lacquer", "metal"])))
    w, d, h = rng.uniform(0.35, 1.0), rng.uniform(0.3, 0.5), height or rng.uniform(0.4, 0.85)
    axes = turned(yaw)
    b.box((x, h - 0.02, z), (w, 0.02, d), wood, yaw)
    leg = rng.uniform(0.015, 0.04)
    for i in (-1, 1):
        for j in (-1, 1):
            px = x + i * (w - 0.06) * axes[0][0] + j * (d - 0.06) * axes[2][0]
            pz = z + i * (w - 0.06) * axes[0][2] + j * (d - 0.06) * axes[2][2]
            b.rod((px, 0, pz), (px, h - 0.03, pz), leg, leg, wood)
    for _ in range(int(rng.integers(0, 6))):
        u, v = rng.uniform(-0.8, 0.8, 2) * (w, d)
        scatter(b, x + u * axes[0][0] + v * axes[2][0], h, z + u * axes[0][2] + v * axes[2][2], rng.uniform(0.06, 0.12))
    b.dims((x, 0.5 * h, z), 0.6 * min(w, d))


def chair(b: SceneBuilder, x: float, z: float, yaw: float) -> None:
    """Seat, back and four thin legs."""
    rng = b.rng
    seat, frame = paint(b, str(rng.choice(["wood", "fabric"]))), paint(b, str(rng.choice(["wood", "metal", "lacquer"])))
    axes = turned(yaw)
    w, h, top = 0.22, rng.uniform(0.42, 0.5), rng.uniform(0.8, 1.05)

    def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
        return x + dx * axes[0][0] + dz * axes[2][0], dy, z + dx * axes[0][2] + dz * axes[2][2]

    b.rounded(place(0, h, 0), (w, 0.03, w), 0.02, seat, yaw)
    for i in (-0.19, 0.19):
        b.rod(place(i, 0, -0.19), place(i, h, -0.19), 0.017, 0.02, frame)
        b.rod(place(i, 0, 0.2), place(i, top, 0.22), 0.017, 0.017, frame)
    if rng.random() < 0.5:
        b.rounded(place(0, top - 0.15, 0.21), (w - 0.02, 0.14, 0.02), 0.02, seat, yaw)
    else:
        for i in range(3):
            b.rod(place(-0.19, h + 0.12 + 0.12 * i, 0.21), place(0.19, h + 0.12 + 0.12 * i, 0.21), 0.012, 0.012, frame)
    b.dims(place(0, 0.25, 0), 0.24)


def sofa(b: SceneBuilder, x: float, z: float, yaw: float) -> None:
    """Cushions: seat, back, arms, and loose ones."""
    rng = b.rng
    cloth = paint(b, "fabric", 0.7)
    axes = turned(yaw)
    w = rng.uniform(0.5, 1.1)

    def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
        return x + dx * axes[0][0] + dz * axes[2][0], dy, z + dx * axes[0][2] + dz * axes[2][2]

    b.rounded(place(0, 0.22, 0), (w, 0.2, 0.42), 0.07, cloth, yaw)
    b.rounded(place(0, 0.55, 0.36), (w, 0.33, 0.12), 0.1, cloth, yaw)
    for side in (-1, 1):
        b.rounded(place(side * (w + 0.06), 0.32, 0), (0.1, 0.3, 0.44), 0.08, cloth, yaw)
    for _ in range(int(rng.integers(0, 4))):
        spot = place(rng.uniform(-0.8, 0.8) * w, 0.55, 0.15)
        b.rounded(spot, (0.2, 0.18, 0.08), 0.08, paint(b, "fabric", 1.5), yaw + rng.normal(0, 0.3))
    b.dims(place(0, 0.2, 0), 0.45)


def bed(b: SceneBuilder, x: float, z: float, yaw: float) -> None:
    """Frame, mattress, blanket, pillows."""
    rng = b.rng
    axes = turned(yaw)

    def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
        return x + dx * axes[0][0] + dz * axes[2][0], dy, z + dx * axes[0][2] + dz * axes[2][2]

    b.box(place(0, 0.15, 0), (0.85, 0.12, 1.05), paint(b, "wood"), yaw)
    b.rounded(place(0, 0.38, 0), (0.82, 0.13, 1.02), 0.07, paint(b, "ceramic", 1.0, shine=0.0), yaw)
    b.rounded(place(0, 0.42, -0.25), (0.86, 0.13, 0.78), 0.1, paint(b, "fabric"), yaw)
    b.box(place(0, 0.5, 1.08), (0.87, 0.45, 0.04), paint(b, "wood"), yaw)
    for side in (-0.4, 0.4):
        b.rounded(place(side, 0.57, 0.75), (0.32, 0.1, 0.22), 0.09, paint(b, "fabric"), yaw + rng.normal(0, 0.1))
    b.dims(place(0, 0.1, 0), 0.9)


def shelf(b: SceneBuilder, x: float, z: float, yaw: float) -> None:
    """A case with boards, books painted on its back and things standing in it."""
    rng = b.rng
    wood = paint(b, "wood")
    axes = turned(yaw)
    w, rows, step, d = rng.uniform(0.3, 0.7), int(rng.integers(2, 6)), rng.uniform(0.3, 0.4), 0.16

    def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
        return x + dx * axes[0][0] + dz * axes[2][0], dy, z + dx * axes[0][2] + dz * axes[2][2]

    high = rows * step
    for side in (-1, 1):
        b.box(place(side * w, high / 2, 0), (0.015, high / 2, d), wood, yaw)
    b.box(place(0, high / 2, d), (w, high / 2, 0.01), wood, yaw)
    for i in range(rows + 1):
        b.box(place(0, i * step, 0), (w, 0.012, d), wood, yaw)
        if i < rows:
            if rng.random() < 0.6:
                half = w * rng.uniform(0.4, 0.95)
                row = picture(b, "shelf", across=max(round(2 * half), 1))
                b.box(place(half - w, i * step + 0.4 * step, 0.03), (half, 0.38 * step, 0.1), row, yaw)
            else:
                px, py, pz = place(rng.uniform(-0.6, 0.6) * w, i * step + 0.015, -0.03)
                scatter(b, px, py, pz, rng.uniform(0.07, 0.1))
    b.dims(place(0, 0.3, 0), 0.3)


def cabinet(b: SceneBuilder, x: float, z: float, yaw: float) -> None:
    """A box with doors and knobs, and things on top."""
    rng = b.rng
    body = paint(b, str(rng.choice(["wood", "lacquer", "wall"])))
    w, h, d = rng.uniform(0.3, 1.0), rng.uniform(0.25, 1.0), rng.uniform(0.2, 0.32)
    axes = turned(yaw)

    def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
        return x + dx * axes[0][0] + dz * axes[2][0], dy, z + dx * axes[0][2] + dz * axes[2][2]

    b.box(place(0, h, 0), (w, h, d), body, yaw)
    doors = max(round(w / 0.25), 1)
    for i in range(doors):
        middle = -w + (2 * i + 1) * w / doors
        b.box(place(middle, h, -d - 0.01), (0.92 * w / doors, 0.92 * h, 0.012), body, yaw)
        b.ball(place(middle + 0.7 * w / doors, h, -d - 0.035), (0.02,) * 3, paint(b, "metal"))
    for _ in range(int(rng.integers(0, 4))):
        px, py, pz = place(rng.uniform(-0.8, 0.8) * w, 2 * h, 0)
        scatter(b, px, py, pz, rng.uniform(0.06, 0.12))
    b.dims(place(0, 0.2, 0), min(w, 2 * d))


def floor_lamp(b: SceneBuilder, x: float, z: float) -> None:
    """Foot, thin pole, shining shade."""
    rng = b.rng
    metal = paint(b, "metal")
    height = rng.uniform(1.2, 1.8)
    b.rod((x, 0, z), (x, 0.03, z), 0.15, 0.15, metal)
    b.rod((x, 0, z), (x, height, z), 0.012, 0.012, metal)
    shade = paint(b, "ceramic", shine=0.0, emission=rng.uniform(0.2, 1.0))
    b.rod((x, height - 0.15, z), (x, height + 0.15, z), 0.2, rng.uniform(0.08, 0.2), shade, closed=False)


def hanging_lamp(b: SceneBuilder, x: float, z: float, ceiling: float) -> None:
    """A cord and a shade."""
    rng = b.rng
    low = ceiling - rng.uniform(0.4, 1.0)
    b.rod((x, low, z), (x, ceiling, z), 0.006, 0.006, paint(b, "dark"), closed=False)
    shade = paint(b, str(rng.choice(["lacquer", "metal", "ceramic"])), emission=rng.uniform(0, 0.6))
    r = rng.uniform(0.12, 0.3)
    b.rod((x, low - 0.15, z), (x, low + 0.05, z), r, 0.2 * r, shade, closed=False)


def wall_picture(b: SceneBuilder, place: tuple[float, float, float], along: tuple[float, float], size: float) -> None:
    """A framed picture, window or screen on a wall; ``along``: the wall's direction in x and z."""
    rng = b.rng
    wide, tall = size, size * rng.uniform(0.6, 1.4)
    content = picture(b, "photo", "photo", "print", emission=float(rng.choice([0.0, 0.0, 0.8])))
    yaw = math.atan2(along[1], along[0])
    b.box(place, (wide + 0.03, tall + 0.03, 0.02), paint(b, str(rng.choice(["wood", "dark", "lacquer"]))), yaw)
    b.box(place, (wide, tall, 0.024), content, yaw)
