"""Small things that stand on tables and shelves; (x, y, z) is where they touch."""

from __future__ import annotations

import math
from itertools import pairwise

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.paints import paint, picture


def mug(b: SceneBuilder, x: float, y: float, z: float, size: float, yaw: float) -> None:
    """A cup with a handle and something in it, now and then on a saucer with a spoon."""
    rng = b.rng
    ware = paint(b, str(rng.choice(["ceramic", "ceramic", "metal", "lacquer"])), 4.0)
    base = y
    if rng.random() < 0.5:
        plate(b, x, y, z, 1.9 * size)
        base = y + 0.12 * size
        if rng.random() < 0.6:
            a = rng.uniform(0, 2 * math.pi)
            tip = (x + 1.5 * size * math.cos(a), base + 0.15 * size, z + 1.5 * size * math.sin(a))
            other = (
                tip[0] + 1.3 * size * math.cos(a + 1.7),
                base + 0.2 * size,
                tip[2] + 1.3 * size * math.sin(a + 1.7),
            )
            b.rod(tip, other, 0.06 * size, 0.05 * size, paint(b, "metal"))
            b.ball(tip, (0.25 * size, 0.06 * size, 0.17 * size), paint(b, "metal"), a + 1.7)
    tall, flare = size * rng.uniform(1.2, 2.4), rng.uniform(1.0, 1.6)
    low = size / flare
    b.rod((x, base, z), (x, base + tall, z), low, size, ware, closed=False)
    b.rod((x, base + 0.02 * size, z), (x, base + tall, z), 0.93 * low, 0.93 * size, ware, closed=False)
    b.flat((x, base + 0.01 * size, z), (low, 0, 0), (0, 0, low), ware, at.DISC)
    level, share = base + tall * rng.uniform(0.6, 0.92), 0.94 * size
    drink = paint(b, str(rng.choice(["wood", "dark", "bark", "ceramic"])), 8.0, shine=0.6, gloss=90.0)
    b.flat((x, level, z), (share, 0, 0), (0, 0, share), drink, at.DISC)
    if rng.random() < 0.85:
        c, s = math.cos(yaw), math.sin(yaw)
        points = [(0.9, 0.8), (1.5, 0.78), (1.62, 0.5), (1.35, 0.25), (0.85, 0.2)]
        handle = []
        for (r0, h0), (r1, h1) in pairwise(points):
            thick = 0.13 * size
            handle.append(
                (r0 * size * c, h0 * tall, r0 * size * s, thick, r1 * size * c, h1 * tall, r1 * size * s, thick)
            )
        b.blob((x, base, z), handle, 0.1 * size, ware)
    b.dims((x, y + 0.3 * size, z), 1.1 * size)


def plate(b: SceneBuilder, x: float, y: float, z: float, size: float) -> None:
    """A plate: its foot, rim and well."""
    ware = paint(b, "ceramic", 3.0)
    b.rod((x, y, z), (x, y + 0.12 * size, z), 0.6 * size, size, ware, closed=False)
    b.rod((x, y + 0.05 * size, z), (x, y + 0.12 * size, z), 0.6 * size, 0.98 * size, ware, closed=False)
    b.flat((x, y + 0.05 * size, z), (0.62 * size, 0, 0), (0, 0, 0.62 * size), ware, at.DISC)
    b.dims((x, y, z), 0.6 * size)


def bowl_of_fruit(b: SceneBuilder, x: float, y: float, z: float, size: float) -> None:
    """A bowl or plate heaped with round fruit."""
    rng = b.rng
    ware = paint(b, str(rng.choice(["ceramic", "wood", "metal"])), 2.0)
    b.rod((x, y, z), (x, y + 0.6 * size, z), 0.5 * size, size, ware, closed=False)
    b.flat((x, y + 0.2 * size, z), (0.7 * size, 0, 0), (0, 0, 0.7 * size), ware, at.DISC)
    for i in range(int(rng.integers(3, 9))):
        a, out = rng.uniform(0, 2 * math.pi), 0.6 * size * math.sqrt(rng.random())
        r = size * rng.uniform(0.22, 0.36)
        place = (x + out * math.cos(a), y + 0.3 * size + r + 0.04 * i * size, z + out * math.sin(a))
        b.ball(place, (r, r * rng.uniform(0.8, 1.1), r), paint(b, "fruit"), a)
    b.dims((x, y + 0.2 * size, z), size)


def bottle(b: SceneBuilder, x: float, y: float, z: float, size: float) -> None:
    """A bottle or vase: belly, shoulder, neck, label."""
    rng = b.rng
    glass = paint(b, str(rng.choice(["dark", "lacquer", "ceramic"])), 3.0, shine=0.8, gloss=90.0)
    body, neck = size * rng.uniform(2, 4), size * rng.uniform(0.25, 0.45)
    b.rod((x, y, z), (x, y + body, z), size, size * rng.uniform(0.8, 1.15), glass)
    b.rod((x, y + body, z), (x, y + body + 1.1 * size, z), size, neck, glass)
    b.rod((x, y + body + 1.1 * size, z), (x, y + body + 2.2 * size, z), neck, neck, glass)
    if rng.random() < 0.6:
        low, high = y + body * rng.uniform(0.15, 0.3), y + body * rng.uniform(0.6, 0.85)
        b.rod((x, low, z), (x, high, z), 1.02 * size, 1.02 * size, picture(b, "print", "photo", across=2), closed=False)
    b.dims((x, y + 0.4 * body, z), size)


def books(b: SceneBuilder, x: float, y: float, z: float, size: float, yaw: float) -> None:
    """A pile of books, the top one showing its cover."""
    rng = b.rng
    up = y
    for _ in range(int(rng.integers(1, 5))):
        thick, turn = size * rng.uniform(0.05, 0.16), yaw + rng.normal(0, 0.2)
        half = (size * rng.uniform(0.55, 0.75), thick, size * rng.uniform(0.75, 1.0))
        cover = picture(b, "print", "print", "photo")
        b.box((x, up + thick, z), half, paint(b, "ceramic", shine=0.0), turn)
        b.box((x, up + 2 * thick, z), (half[0] + 0.01, 0.004 * size + 1e-3, half[2] + 0.01), cover, turn)
        up += 2 * thick + 0.01 * size
    b.dims((x, y, z), 0.7 * size)


def package(b: SceneBuilder, x: float, y: float, z: float, size: float, yaw: float) -> None:
    """A printed box, or a plain parcel."""
    rng = b.rng
    half = size * rng.uniform(0.3, 1.0, 3)
    paper = picture(b, "print", "photo", "print") if rng.random() < 0.7 else paint(b, "wood", 2.0, shine=0.0)
    b.box((x, y + half[1], z), half, paper, yaw)
    b.dims((x, y + 0.5 * half[1], z), float(half.min()))


def potted_plant(b: SceneBuilder, x: float, y: float, z: float, size: float) -> None:
    """Long leaves out of a pot."""
    rng = b.rng
    pot = 0.35 * size
    b.rod((x, y, z), (x, y + 0.8 * pot, z), 0.7 * pot, pot, paint(b, str(rng.choice(["ceramic", "masonry"])), 2.0))
    b.flat((x, y + 0.79 * pot, z), (pot, 0, 0), (0, 0, pot), paint(b, "soil", 5.0), at.DISC)
    leaf = paint(b, "leaves", 2.0, contrast=0.4, shine=0.15)
    for _ in range(int(rng.integers(6, 16))):
        a, out, tall = rng.uniform(0, 2 * math.pi), size * rng.uniform(0.1, 0.6), size * rng.uniform(0.4, 1.0)
        right = (-0.07 * size * math.sin(a), 0.0, 0.07 * size * math.cos(a))
        up = (0.5 * out * math.cos(a), 0.5 * tall, 0.5 * out * math.sin(a))
        b.flat(
            (x + up[0], y + 0.8 * pot + up[1], z + up[2]),
            right,
            up,
            leaf,
            at.TRIANGLE if tall > 0.7 * size else at.DISC,
        )
    b.dims((x, y + 0.2 * size, z), pot)


def scatter(b: SceneBuilder, x: float, y: float, z: float, size: float) -> None:
    """One small thing of any kind, about ``size`` wide."""
    rng = b.rng
    yaw = rng.uniform(0, 2 * math.pi)
    kind = int(rng.integers(9))
    if kind == 0:
        mug(b, x, y, z, 0.6 * size, yaw)
    elif kind == 1:
        bottle(b, x, y, z, 0.45 * size)
    elif kind == 2:
        books(b, x, y, z, 1.2 * size, yaw)
    elif kind == 3:
        package(b, x, y, z, 1.1 * size, yaw)
    elif kind == 4:
        potted_plant(b, x, y, z, 2.2 * size)
    elif kind == 5:
        r = size * rng.uniform(0.4, 0.7)
        b.ball((x, y + r, z), (r, r * rng.uniform(0.8, 1), r), paint(b, "fruit"), yaw)
        b.dims((x, y + r, z), r)
    elif kind == 6:
        bowl_of_fruit(b, x, y, z, 1.1 * size)
    elif kind == 7:
        half = size * rng.uniform(0.2, 0.9, 3)
        b.rounded(
            (x, y + half[1], z),
            half,
            0.4 * float(half.min()),
            paint(b, str(rng.choice(["lacquer", "fabric", "wood"])), 2.0),
            yaw,
        )
        b.dims((x, y + half[1], z), float(half.mean()))
    else:
        b.rod(
            (x, y, z),
            (x, y + size * rng.uniform(0.5, 2), z),
            0.5 * size,
            0.5 * size,
            picture(b, "print", "photo", across=2),
        )
        b.dims((x, y + 0.5 * size, z), 0.5 * size)
