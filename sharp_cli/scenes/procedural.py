"""Procedural textures: what surfaces look like if no photo of them is given.

Every painter takes a random generator and returns (S, S, 3) floats in [0, 1], sRGB. Hues matter little: a material
tints its texture anyway. What counts is structure at many sizes, as real surfaces have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from sharp_cli.scenes.layout import TEXTURE_SIDE as SIDE
from sharp_cli.scenes.painting import Picture, between, grained, gray, grid, random_colors, spectral


def plaster(rng: Generator) -> Picture:
    return gray(0.45 + 0.25 * spectral(rng, rng.uniform(0.5, 1.6)) + 0.12 * (spectral(rng, 0.3) - 0.5))


def rock(rng: Generator) -> Picture:
    ridges = 1 - np.abs(2 * spectral(rng, 1.3) - 1) ** 0.7
    return between(
        0.6 * ridges + 0.5 * spectral(rng, 0.9, rng.uniform(0.5, 3)) - 0.05, (0.2, 0.18, 0.17), (0.8, 0.76, 0.7)
    )


def wood(rng: Generator) -> Picture:
    x, _ = grid()
    bend = 0.25 * spectral(rng, 2.2, 3.0)
    rings = np.sin(2 * math.pi * (rng.integers(3, 12) * x + 6 * bend))
    grain = spectral(rng, 0.7, 16.0)
    return between(0.5 + 0.18 * rings + 0.6 * (grain - 0.5), (0.3, 0.18, 0.1), (0.75, 0.55, 0.36))


def planks(rng: Generator) -> Picture:
    picture = wood(rng)
    count = int(rng.integers(3, 9))
    x, y = grid()
    board = (x * count).astype(int)
    gap = np.abs((x * count) % 1 - 0.5) > 0.485
    ends = np.abs((y + rng.random(count)[board]) % 1) < 0.006
    tone = rng.uniform(0.7, 1.15, count)[board]
    shifted = picture[
        (np.arange(SIDE)[:, None] + (rng.integers(0, SIDE, count)[board])) % SIDE, np.arange(SIDE)[None, :]
    ]
    return np.clip(shifted * tone[..., None] * np.where(gap | ends, 0.35, 1)[..., None], 0, 1)


def bricks(rng: Generator) -> Picture:
    rows = int(rng.integers(8, 18))
    columns = max(rows // int(rng.integers(2, 4)), 2)
    shift = rng.choice([0.0, 0.5])
    x, y = grid()
    row = (y * rows).astype(int)
    across = x * columns + shift * (row % 2)
    column = across.astype(int) % columns
    joint = rng.uniform(0.03, 0.09)
    mortar = (np.abs(across % 1 - 0.5) > 0.5 - joint * columns / rows) | (np.abs((y * rows) % 1 - 0.5) > 0.5 - joint)
    tone = rng.uniform(0.45, 0.8) + rng.uniform(0.02, 0.12) * rng.standard_normal((rows, columns))[row, column]
    body = tone + 0.35 * (spectral(rng, 0.8) - 0.5)
    light = rng.uniform(0.25, 0.9)
    return between(np.where(mortar, light + 0.3 * (spectral(rng, 0.6) - 0.5), body), (0.1, 0.08, 0.07), (1, 0.9, 0.84))


def cells(rng: Generator) -> Picture:
    """Cobbles, gravel, crackled mud: distances to scattered points."""
    count = int(rng.choice([40, 90, 200]))
    points = rng.random((count, 2))
    tiled = np.concatenate([points + np.array((i, j)) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    tiled_ids = np.tile(np.arange(count), 9)
    keep = ((tiled > -0.2) & (tiled < 1.2)).all(axis=1)
    tiled, tiled_ids = tiled[keep], tiled_ids[keep]
    half = (np.arange(SIDE // 2) + 0.5) / (SIDE // 2)
    dx = half[None, :, None] - tiled[:, 0]
    dy = half[:, None, None] - tiled[:, 1]
    distance = dx * dx + dy * dy
    two = np.argpartition(distance, 1, axis=2)[..., :2]
    near = np.take_along_axis(distance, two, axis=2)
    order = near[..., 1] < near[..., 0]
    first = np.sqrt(near.min(axis=2)) * math.sqrt(count)
    second = np.sqrt(near.max(axis=2)) * math.sqrt(count)
    ids = tiled_ids[np.where(order, two[..., 1], two[..., 0])]
    tone = rng.uniform(0.35, 0.8, count)[ids] * np.clip((second - first) * 5, 0.3, 1) * (1.1 - 0.5 * first)
    large = np.asarray(Image.fromarray((255 * np.clip(tone, 0, 1)).astype(np.uint8)).resize((SIDE, SIDE))) / 255
    return gray(large + 0.3 * (spectral(rng, 0.7) - 0.5))


def strokes(rng: Generator, length: float, width: int, spread: float, count: int) -> Picture:
    """Grass, straw, fur: short strokes along a slowly turning direction."""
    image = Image.new("L", (SIDE, SIDE), 50)
    draw = ImageDraw.Draw(image)
    flow = 2 * math.pi * spectral(rng, 2.5) * 0.5 + rng.uniform(0, math.pi)
    patches = spectral(rng, 1.5)
    xy = rng.integers(0, SIDE, (count, 2))
    turns = spread * rng.standard_normal(count)
    lengths = length * rng.uniform(0.5, 1.4, count)
    tones = rng.normal(0, 32, count)
    angles = flow[xy[:, 1], xy[:, 0]] + turns
    ends = xy + lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    brightness = np.clip(60 + 130 * patches[xy[:, 1], xy[:, 0]] + tones, 5, 250).astype(int)
    for line, fill in zip(np.hstack([xy, ends]).tolist(), brightness.tolist(), strict=True):
        draw.line(line, fill=fill, width=width)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.5)), np.float64) / 255
    return gray(soft)


def grass(rng: Generator) -> Picture:
    return strokes(rng, rng.uniform(8, 22), int(rng.integers(1, 3)), 0.8, 5000)


def fur(rng: Generator) -> Picture:
    return strokes(rng, rng.uniform(8, 26), 1, 0.25, 6500)


def leaves(rng: Generator) -> Picture:
    image = Image.new("RGB", (SIDE, SIDE), (16, 22, 12))
    draw = ImageDraw.Draw(image)
    size = rng.uniform(5, 16)
    count = int(9 * (SIDE / size) ** 2 / 3)
    places = rng.uniform(-8, SIDE + 8, (count, 2))
    angles, reaches = rng.uniform(0, 2 * math.pi, count), size * rng.uniform(0.6, 1.3, count)
    along = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reaches[:, None]
    aside = along[:, ::-1] * (-1, 1) * rng.uniform(0.25, 0.5, count)[:, None]
    tones = (0.25 + 0.75 * np.arange(count) / count) * rng.uniform(0.5, 1.15, count)
    fills = np.clip(tones[:, None] * (120, 170, 70) + rng.normal(0, 8, (count, 3)), 0, 255).astype(int)
    outlines = np.stack([places, places + along / 2 + aside, places + along, places + along / 2 - aside], axis=1)
    for outline, fill in zip(outlines.reshape(count, 8).tolist(), fills.tolist(), strict=True):
        draw.polygon(outline, fill=tuple(fill))
    return np.asarray(image, np.float64) / 255


def weave(rng: Generator) -> Picture:
    x, y = grid()
    threads = int(rng.integers(24, 64))
    cross = np.sin(2 * math.pi * threads * x) * np.sin(2 * math.pi * threads * y)
    return gray(0.55 + 0.15 * cross + 0.3 * (spectral(rng, 0.8) - 0.5) + 0.25 * (spectral(rng, 1.8) - 0.5))


def pattern(rng: Generator) -> Picture:
    """Stripes, plaid, checks and dots of a few colors."""
    x, y = grid()
    colors = random_colors(rng, 4)
    kind, count = int(rng.integers(4)), int(rng.integers(3, 14))
    if kind == 0:
        index = (x * 2 * count).astype(int) % 2
    elif kind == 1:
        index = ((x * count) % 1 < rng.uniform(0.1, 0.5)).astype(int) + 2 * ((y * count) % 1 < rng.uniform(0.1, 0.5))
    elif kind == 2:
        index = ((x * count).astype(int) + (y * count).astype(int)) % 2
    else:
        row = (y * count).astype(int)
        index = np.hypot((x * count + 0.5 * row) % 1 - 0.5, (y * count) % 1 - 0.5) < rng.uniform(0.15, 0.4)
    picture = colors[index.astype(int)]
    return np.clip(picture * (0.75 + 0.5 * spectral(rng, 1.0)[..., None]), 0, 1)


def facade(rng: Generator) -> Picture:
    """A house front: rows of windows with frames, some lit, some with blinds, in a plastered or panelled wall."""
    wall = tuple(int(v) for v in rng.integers(110, 225) + rng.integers(-25, 25, 3))
    image = Image.new("RGB", (SIDE, SIDE), wall)
    draw = ImageDraw.Draw(image)
    columns, rows = int(rng.integers(2, 7)), int(rng.integers(2, 7))
    dx, dy = SIDE / columns, SIDE / rows
    w, h = rng.uniform(0.35, 0.85), rng.uniform(0.4, 0.8)
    frame = tuple(int(v) for v in rng.integers(40, 250, 3) // 2 + np.array(wall) // 2)
    arched = rng.random() < 0.2
    for j in range(rows):
        if rng.random() < 0.7:
            draw.rectangle((0, (j + 1) * dy - 3, SIDE, (j + 1) * dy), fill=tuple(int(0.8 * v) for v in wall))
        for i in range(columns):
            x, y = (i + 0.5 - w / 2) * dx, (j + 0.5 - h / 2) * dy
            glass = int(rng.choice([25, 45, 70, 120, 190], p=[0.3, 0.3, 0.2, 0.1, 0.1]))
            fill = (glass, min(glass + 8, 255), min(glass + 20, 255))
            box = (x, y, x + w * dx, y + h * dy)
            if arched:
                draw.ellipse((x, y - 0.18 * dy, x + w * dx, y + 0.18 * dy), fill=fill)
            draw.rectangle(box, fill=fill, outline=frame, width=2)
            draw.line((x + w * dx / 2, y, x + w * dx / 2, box[3]), fill=frame, width=1)
            if rng.random() < 0.3:
                draw.rectangle((x + 2, y + 2, box[2] - 2, y + h * dy * rng.uniform(0.2, 0.8)), fill=(200, 195, 185))
            draw.rectangle((x - 2, box[3], box[2] + 2, box[3] + 3), fill=tuple(int(0.9 * v) for v in wall))
    return grained(image, rng, 0.1)


def page(rng: Generator) -> Picture:
    """Print: lines of words, a heading, a picture."""
    paper = int(rng.integers(205, 250))
    image = Image.new("RGB", (SIDE, SIDE), (paper, paper - 3, paper - 12))
    draw = ImageDraw.Draw(image)
    ink = tuple(int(v) for v in rng.integers(10, 90, 3))
    y, height = 14.0, float(rng.uniform(3, 9))
    while y < SIDE - 14:
        size = height * (2.2 if rng.random() < 0.08 else 1.0)
        x = 14.0
        while x < SIDE - 20 and rng.random() > 0.03:
            reach = rng.uniform(1, 7) * size * 0.8
            draw.rectangle((x, y, min(x + reach, SIDE - 14), y + 0.6 * size), fill=ink)
            x += reach + 0.7 * size
        y += 1.6 * size
    return grained(image, rng, 0.03)


def poster(rng: Generator) -> Picture:
    """Flat shapes in a few colors: packages, signs, book covers, paintings."""
    colors = [tuple(int(255 * v) for v in c) for c in random_colors(rng, 5)]
    image = Image.new("RGB", (SIDE, SIDE), colors[0])
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 16))):
        (x0, x1), (y0, y1) = np.sort(rng.integers(-30, SIDE + 30, 2)), np.sort(rng.integers(-30, SIDE + 30, 2))
        fill = colors[int(rng.integers(5))]
        shape = rng.integers(4)
        if shape == 0:
            draw.ellipse((x0, y0, x1, y1), fill=fill)
        elif shape == 1:
            draw.polygon([tuple(p) for p in rng.integers(0, SIDE, (3, 2)).tolist()], fill=fill)
        else:
            draw.rectangle((x0, y0, x1, y1 if shape == 2 else y0 + 10), fill=fill)
    return grained(image, rng, 0.05)


def spines(rng: Generator) -> Picture:
    """A shelf of books, or of boxes and jars."""
    image = Image.new("RGB", (SIDE, SIDE), (20, 17, 15))
    draw = ImageDraw.Draw(image)
    x = 0.0
    while x < SIDE:
        width, top = rng.uniform(6, 26), rng.uniform(5, 80)
        color = tuple(int(255 * v) for v in random_colors(rng, 1)[0])
        draw.rectangle((x, top, x + width - 1, SIDE), fill=color)
        light = tuple(min(v + 80, 255) for v in color)
        for y in rng.uniform(top, SIDE, 3):
            draw.rectangle((x + 2, y, x + width - 3, y + rng.uniform(2, 25)), fill=light)
        x += width
    return grained(image, rng, 0.06)


def metal(rng: Generator) -> Picture:
    rust = np.clip(3 * (spectral(rng, 1.4) - rng.uniform(0.55, 0.9)), 0, 1)[..., None]
    brushed = gray(0.55 + 0.5 * (spectral(rng, 0.4, 20.0) - 0.5) + 0.2 * (spectral(rng, 1.5) - 0.5))
    return np.clip(brushed * (1 - rust) + rust * np.array([0.45, 0.25, 0.12]), 0, 1)


def bark(rng: Generator) -> Picture:
    ridges = np.abs(2 * spectral(rng, 1.0, 5.0) - 1) ** 0.6
    return between(ridges + 0.3 * (spectral(rng, 0.7) - 0.5), (0.12, 0.1, 0.08), (0.62, 0.54, 0.45))


PAINTERS: tuple[tuple[str, Callable[[Generator], Picture], int], ...] = (
    ("plain", plaster, 6),
    ("stone", rock, 6),
    ("wood", wood, 5),
    ("planks", planks, 4),
    ("bricks", bricks, 6),
    ("stone", cells, 5),
    ("grass", grass, 4),
    ("fur", fur, 5),
    ("leaves", leaves, 5),
    ("fabric", weave, 3),
    ("fabric", pattern, 9),
    ("facade", facade, 12),
    ("print", page, 4),
    ("print", poster, 8),
    ("shelf", spines, 4),
    ("metal", metal, 4),
    ("bark", bark, 3),
)
"""Group, painter and how many to paint."""
