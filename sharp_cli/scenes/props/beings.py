"""People and animals: smooth bodies of melting capsules, from afar and close up."""

from __future__ import annotations

import math

from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.paints import paint


def person(b: SceneBuilder, x: float, y: float, z: float, height: float, yaw: float) -> None:
    """Someone standing or walking, seen whole."""
    rng = b.rng
    s = height / 1.75
    stride, swing = rng.uniform(0, 0.3), rng.uniform(-0.4, 0.4)
    legs = [
        (-0.09, 0.9, 0, 0.09, -0.1, 0.08, stride, 0.055),
        (0.09, 0.9, 0, 0.09, 0.1, 0.08, -stride, 0.055),
    ]
    torso = [
        (0, 0.95, 0, 0.13, 0, 1.35, 0, 0.15),
        (-0.2, 1.38, 0, 0.06, -0.26, 0.95, swing * 0.4 + 0.05, 0.045),
        (0.2, 1.38, 0, 0.06, 0.26, 0.95, -swing * 0.4 + 0.05, 0.045),
    ]
    b.blob((x, y, z), legs, 0.05, paint(b, "clothes"), yaw, s)
    b.blob((x, y, z), torso, 0.08, paint(b, "clothes"), yaw, s)
    b.ball((x, y + 1.63 * s, z), (0.085 * s, 0.12 * s, 0.1 * s), paint(b, "skin"), yaw)
    back = 0.03 * s
    hair = (x - back * math.sin(yaw), y + 1.67 * s, z + back * math.cos(yaw))
    b.ball(hair, (0.095 * s, 0.11 * s, 0.105 * s), paint(b, "hair"), yaw)
    b.dims((x, y + 0.3, z), 0.35 * s)


def portrait(b: SceneBuilder, x: float, y: float, z: float, yaw: float) -> None:
    """Head and shoulders close up; (x, y, z) is the middle of the face, which looks toward -z at ``yaw`` 0."""
    rng = b.rng
    skin = paint(b, "skin")
    wide, deep = rng.uniform(0.068, 0.082), rng.uniform(0.08, 0.1)
    head = [
        (0, 0.05, 0.02, 0.088, 0, -0.02, 0.0, wide),
        (0, -0.05, -0.01, 0.06, 0, -0.085, -0.02, 0.038),
        (0, 0.015, -deep, 0.012, 0, -0.025, -deep - 0.018, 0.014),  # nose
        (-0.025, -0.06, -deep + 0.018, 0.011, 0.025, -0.06, -deep + 0.018, 0.011),  # mouth
        (-0.05, 0.035, -deep + 0.022, 0.011, 0.05, 0.035, -deep + 0.022, 0.011),  # brow
        (0, -0.08, 0.03, 0.05, 0, -0.2, 0.05, 0.058),  # neck
        (-wide - 0.01, 0.015, 0.02, 0.012, -wide - 0.01, -0.02, 0.015, 0.01),
        (wide + 0.01, 0.015, 0.02, 0.012, wide + 0.01, -0.02, 0.015, 0.01),
    ]
    b.blob((x, y, z), head, 0.03, skin, yaw)
    axis = (math.cos(yaw), math.sin(yaw))

    def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
        return x + dx * axis[0] - dz * axis[1], y + dy, z + dx * axis[1] + dz * axis[0]

    white, dark = paint(b, "ceramic"), paint(b, "dark")
    for side in (-0.031, 0.031):
        b.ball(place(side, 0.012, -deep + 0.016), (0.014, 0.008, 0.01), white, yaw)
        b.ball(place(side, 0.012, -deep + 0.008), (0.006, 0.006, 0.006), dark, yaw)
    lips = paint(b, "skin", red=0.35, green=0.1, blue=0.09)
    b.ball(place(0, -0.058, -deep + 0.009), (0.022, 0.007, 0.008), lips, yaw)
    if rng.random() < 0.9:
        long = rng.uniform(0, 0.3) if rng.random() < 0.5 else 0.0
        hair = [(0, 0.085, 0.035, 0.085, 0, 0.02, 0.05, 0.09), (-0.06, 0.1, -0.03, 0.035, 0.06, 0.1, -0.03, 0.035)]
        if long > 0:
            hair += [(s * 0.07, 0.03, 0.04, 0.035, s * 0.1, -long, 0.05, 0.045) for s in (-1, 1)]
        b.blob((x, y, z), hair, 0.04, paint(b, "hair", 2.0), yaw)
    torso = [
        (-0.17, -0.3, 0.06, 0.075, 0.17, -0.3, 0.06, 0.075),
        (0, -0.32, 0.05, 0.12, 0, -0.75, 0.04, 0.15),
        (-0.22, -0.33, 0.06, 0.065, -0.27, -0.7, 0.0, 0.055),
        (0.22, -0.33, 0.06, 0.065, 0.27, -0.7, 0.0, 0.055),
    ]
    b.blob((x, y, z), torso, 0.09, paint(b, "clothes"), yaw + rng.normal(0, 0.2))


def quadruped(b: SceneBuilder, x: float, y: float, z: float, length: float, yaw: float, close: bool) -> None:
    """A cat, dog, sheep, horse or cow, heading along its local x; with eyes and nose if seen close."""
    rng = b.rng
    fur = paint(b, "fur", 0.6 / length, patches=rng.uniform(0, 0.7), patch_size=0.25 * length)
    leg, belly, neck = rng.uniform(0.3, 0.75), rng.uniform(0.13, 0.26), rng.uniform(0.12, 0.4)
    spread, head = 0.1 + 0.3 * belly, rng.uniform(0.09, 0.17)
    top = leg + belly
    hx, hy = 0.55 + 0.5 * neck, top + neck * rng.uniform(0.2, 1.0)
    turn = rng.uniform(-0.1, 0.1)
    body = [
        (-0.4, top, 0, belly, 0.4, top + 0.02, 0, belly * rng.uniform(0.8, 1.1)),
        (0.45, top + 0.04, 0, belly * 0.7, hx, hy, turn, head * 0.8),
        (hx, hy, turn, head, hx + head, hy - 0.3 * head, 1.8 * turn, head * 0.6),
        (hx + head, hy - 0.4 * head, 1.8 * turn, 0.55 * head, hx + 1.9 * head, hy - 0.6 * head, 2 * turn, 0.4 * head),
    ]
    for front in (-0.38, 0.38):
        for side in (-1, 1):
            step = rng.normal(0, 0.06)
            body.append((front, top - 0.3 * belly, side * spread, 0.09, front + step, 0.04, side * spread, 0.045))
    tail = rng.uniform(-0.5, 0.4)
    body.append((-0.5, top, 0, 0.05, -0.85, top + tail, rng.normal(0, 0.15), 0.03))
    ear = rng.uniform(0.6, 1.3) * head
    for side in (-1, 1):
        low, high = turn + side * 0.6 * head, turn + side * 0.8 * head
        body.append((hx, hy + 0.6 * head, low, 0.35 * head, hx, hy + 0.6 * head + ear, high, 0.08 * head))
    b.blob((x, y, z), body, 0.12, fur, yaw, length)
    if close:
        c, s = math.cos(yaw), math.sin(yaw)

        def place(dx: float, dy: float, dz: float) -> tuple[float, float, float]:
            return x + length * (dx * c - dz * s), y + length * dy, z + length * (dx * s + dz * c)

        dark = paint(b, "dark")
        for side in (-1, 1):
            eye = place(hx + 0.8 * head, hy + 0.25 * head, turn + side * 0.6 * head)
            b.ball(eye, (0.22 * head * length,) * 3, paint(b, "fruit", shine=0.9, gloss=100.0))
            b.ball(
                place(hx + 0.95 * head, hy + 0.25 * head, turn + side * 0.68 * head), (0.12 * head * length,) * 3, dark
            )
        b.ball(place(hx + 2.25 * head, hy - 0.5 * head, 2 * turn), (0.18 * head * length,) * 3, dark)
    b.dims((x, y + 0.3 * leg * length, z), 0.5 * length)


def bird(b: SceneBuilder, x: float, y: float, z: float, size: float, yaw: float) -> None:
    """A small round bird on thin legs."""
    rng = b.rng
    plumage = paint(b, "fur", 0.8 / size)
    body = [
        (-0.3, 0.5, 0, 0.22, 0.15, 0.6, 0, 0.25),
        (0.25, 0.85, 0, 0.15, 0.3, 0.9, 0, 0.15),
        (-0.5, 0.45, 0, 0.1, -1.0, 0.35, 0, 0.05),
    ]
    b.blob((x, y, z), body, 0.15, plumage, yaw, size)
    c, s = math.cos(yaw), math.sin(yaw)
    beak = (x + 0.44 * size * c, y + 0.88 * size, z + 0.44 * size * s)
    tip = (x + 0.62 * size * c, y + 0.85 * size, z + 0.62 * size * s)
    b.rod(beak, tip, 0.05 * size, 0.005 * size, paint(b, "fruit"))
    for side in (-0.1, 0.1):
        foot = (x - side * size * s, y, z + side * size * c)
        b.rod((foot[0], y + 0.4 * size, foot[2]), foot, 0.02 * size, 0.02 * size, paint(b, "dark"))
        eye = (x + size * (0.36 * c - side * s), y + 0.93 * size, z + size * (0.36 * s + side * c))
        b.ball(eye, (0.04 * size,) * 3, paint(b, "dark"))
    if rng.random() < 0.5:
        b.dims((x, y + 0.2 * size, z), 0.4 * size)
