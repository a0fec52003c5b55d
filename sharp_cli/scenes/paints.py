"""What things are made of: materials with the colors and textures that photos show them in."""

from __future__ import annotations

import colorsys
from typing import Any

from numpy.random import Generator

from sharp_cli.scenes.builder import Color, SceneBuilder

Range = tuple[float, float]


def color(rng: Generator, hue: Range, saturation: Range, value: Range) -> Color:
    """Linear RGB from ranges of hue (in turns, may be negative), saturation and value as sRGB has them."""
    h, s, v = (float(rng.uniform(*span)) for span in (hue, saturation, value))
    red, green, blue = colorsys.hsv_to_rgb(h % 1.0, s, v)
    return red**2.2, green**2.2, blue**2.2


PAINTS: dict[str, tuple[tuple[str, ...], Range, tuple[Range, Range, Range], dict[str, Any]]] = {
    "wall": (
        ("plain", "plain", "plain", "bricks", "planks"),
        (0.4, 1.2),
        ((0, 1), (0, 0.22), (0.45, 0.97)),
        {"contrast": 0.5},
    ),
    "masonry": (("bricks", "stone", "plain"), (0.3, 0.8), ((0.0, 0.13), (0.05, 0.5), (0.35, 0.85)), {}),
    "floor": (
        ("planks", "wood", "stone", "bricks", "fabric"),
        (0.4, 1.2),
        ((0.03, 0.13), (0.05, 0.5), (0.25, 0.8)),
        {},
    ),
    "wood": (("wood", "wood", "planks"), (0.6, 2.0), ((0.03, 0.11), (0.2, 0.65), (0.2, 0.85)), {"shine": 0.15}),
    "fabric": (("fabric", "fabric", "plain"), (1.0, 4.0), ((0, 1), (0.0, 0.75), (0.12, 0.95)), {"tint": 0.4}),
    "clothes": (("fabric", "plain", "plain"), (1.0, 3.0), ((0, 1), (0.0, 0.7), (0.08, 0.9)), {"tint": 0.5}),
    "leaves": (("leaves",), (0.6, 1.5), ((0.16, 0.34), (0.3, 0.8), (0.25, 0.62)), {"tint": 0.5, "contrast": 1.1}),
    "autumn": (("leaves",), (0.6, 1.5), ((0.0, 0.15), (0.5, 0.9), (0.35, 0.8)), {"tint": 0.8}),
    "bark": (("bark",), (0.5, 1.5), ((0.04, 0.12), (0.1, 0.45), (0.2, 0.55)), {}),
    "skin": (
        ("plain",),
        (2.0, 4.0),
        ((0.02, 0.075), (0.25, 0.6), (0.3, 0.95)),
        {"contrast": 0.3, "shine": 0.12, "gloss": 12},
    ),
    "fur": (("fur",), (1.5, 5.0), ((0.03, 0.12), (0.0, 0.6), (0.12, 0.92)), {"contrast": 1.2}),
    "hair": (("fur",), (3.0, 7.0), ((0.03, 0.11), (0.1, 0.7), (0.06, 0.7)), {"shine": 0.2, "gloss": 15}),
    "metal": (("metal",), (0.5, 3.0), ((0, 1), (0, 0.12), (0.25, 0.85)), {"shine": 0.8, "gloss": 40}),
    "lacquer": (
        ("plain",),
        (0.5, 1.0),
        ((0, 1), (0, 0.9), (0.08, 0.95)),
        {"shine": 0.7, "gloss": 80, "contrast": 0.25},
    ),
    "ceramic": (("plain",), (1.0, 3.0), ((0, 1), (0, 0.5), (0.3, 0.97)), {"shine": 0.6, "gloss": 60, "contrast": 0.15}),
    "stone": (("stone",), (0.4, 1.5), ((0.03, 0.15), (0.0, 0.25), (0.3, 0.75)), {}),
    "grass": (
        ("grass", "grass", "ground"),
        (0.3, 0.9),
        ((0.13, 0.31), (0.25, 0.75), (0.25, 0.6)),
        {"patches": 0.35, "patch_size": 2.5},
    ),
    "soil": (
        ("ground", "ground", "stone"),
        (0.3, 0.9),
        ((0.04, 0.13), (0.05, 0.5), (0.25, 0.7)),
        {"patches": 0.3, "patch_size": 2.0},
    ),
    "road": (
        ("ground", "plain", "stone"),
        (0.3, 0.8),
        ((0, 1), (0, 0.1), (0.25, 0.6)),
        {"patches": 0.2, "patch_size": 3.0},
    ),
    "paving": (
        ("bricks", "stone", "ground"),
        (0.3, 0.7),
        ((0.02, 0.14), (0, 0.3), (0.35, 0.8)),
        {"patches": 0.15, "patch_size": 2.0},
    ),
    "snow": (("plain", "ground"), (0.2, 0.6), ((0.5, 0.65), (0, 0.08), (0.8, 0.98)), {"contrast": 0.4}),
    "sand": (("plain", "ground"), (0.3, 0.8), ((0.07, 0.13), (0.15, 0.45), (0.6, 0.9)), {"contrast": 0.6}),
    "dark": (("plain",), (1.0, 2.0), ((0, 1), (0, 0.2), (0.03, 0.2)), {"shine": 0.5, "gloss": 60}),
    "water": (("plain",), (0.05, 0.3), ((0.42, 0.62), (0.15, 0.6), (0.3, 0.75)), {"shine": 0.5, "gloss": 30}),
    "fruit": (
        ("plain",),
        (4.0, 9.0),
        ((-0.06, 0.33), (0.5, 0.95), (0.4, 0.95)),
        {"shine": 0.4, "gloss": 40, "contrast": 0.5},
    ),
}
"""Name → texture groups, repeats a meter, (hue, saturation, value), other columns of the material."""


def paint(b: SceneBuilder, name: str, detail: float = 1.0, **columns: float) -> int:
    """A new material of this name; ``detail`` > 1: finer structure, for small things seen close."""
    groups, repeat, hsv, rest = PAINTS[name]
    rng = b.rng
    texture = b.bank.pick(rng, *groups)
    if rng.random() < 0.06:
        texture = b.bank.pick(rng, "photo")
    settings = {
        "tint": float(rng.uniform(0.6, 1.0)),
        "contrast": float(rng.uniform(0.45, 1.05)),
        "gloss": 20.0,
        "patches": float(rng.uniform(0.0, 0.2)),
    }
    size = float(rng.uniform(*repeat)) * detail
    return b.material(texture, color(rng, *hsv), size, **{**settings, **rest, **columns})


def mixed(b: SceneBuilder, first: str, second: str, size: float, level: float) -> int:
    """Two grounds that alternate in patches of ``size`` meters; from ``level`` of a noise on, it is the second."""
    rng = b.rng
    groups, repeat, hsv, _ = PAINTS[second]
    r, g, bl = color(rng, *hsv)
    return paint(
        b, first, texture_2=b.bank.pick(rng, *groups), repeat_2=float(rng.uniform(*repeat)),
        red_2=r, green_2=g, blue_2=bl, mix_size=size, mix_level=level,
    )  # fmt: skip


def picture(b: SceneBuilder, *groups: str, across: float = 1.0, down: float = 1.0, **columns: float) -> int:
    """A texture in its own colors that fills a whole face: house fronts, posters, book covers, screens."""
    texture = b.bank.pick(b.rng, *groups)
    mean = b.bank.textures.means[texture]
    bright = float(b.rng.uniform(0.7, 1.3))
    tone = (bright * float(mean[0]), bright * float(mean[1]), bright * float(mean[2]))
    return b.material(texture, tone, tint=0.0, fit_u=across, fit_v=down, **columns)
