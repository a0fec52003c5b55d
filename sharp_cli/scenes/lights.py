"""What the light is like: sun and sky, clouds, lamps in a room."""

from __future__ import annotations

import math

import numpy as np

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.bank import OPEN_SKY
from sharp_cli.scenes.builder import SceneBuilder


def daylight(b: SceneBuilder, haze: float = 0.0) -> None:
    """Sun and sky at any time of day and in any weather; ``haze``: share of light lost per meter, at most."""
    rng, light = b.rng, b.light
    height = math.radians(rng.choice([rng.uniform(4, 20), rng.uniform(15, 70)], p=[0.3, 0.7]))
    # rarely behind the scene: people take photos with the sun at their back or at a side
    yaw = math.pi + rng.normal(0, 1.0) if rng.random() < 0.75 else rng.uniform(-math.pi, math.pi)
    sun = (math.cos(height) * math.sin(yaw), math.sin(height), math.cos(height) * math.cos(yaw))
    light[at.KEY_X : at.KEY_Z + 1] = sun
    low = math.exp(-height / math.radians(14))
    overcast = rng.random() < 0.3
    clear = 0.0 if overcast else rng.uniform(0.6, 2.2)
    light[at.KEY_R : at.KEY_B + 1] = clear * np.array([1.0, 0.95 - 0.25 * low, 0.88 - 0.5 * low])
    sky = rng.uniform(0.25, 0.7) if not overcast else rng.uniform(0.8, 1.2)
    blue = rng.uniform(0.05, 0.35) if not overcast else rng.uniform(0, 0.08)
    light[at.UP_R : at.UP_B + 1] = sky * np.array([1 - blue, 1.0, 1 + blue])
    light[at.DOWN_R : at.DOWN_B + 1] = sky * rng.uniform(0.2, 0.5) * np.array([1.0, 0.93, 0.8])
    light[at.OCCLUSION] = rng.uniform(0.6, 0.95)
    light[at.HAZE] = haze * rng.random() ** 2
    zenith = np.array([0.12, 0.27, 0.62]) * rng.uniform(0.6, 1.4) if not overcast else np.full(3, rng.uniform(0.5, 1.0))
    horizon = np.array([0.75 + 0.2 * low, 0.8 - 0.12 * low, 0.92 - 0.4 * low]) * rng.uniform(0.8, 1.1)
    light[at.ZENITH_R : at.ZENITH_B + 1], light[at.HORIZON_R : at.HORIZON_B + 1] = zenith, horizon
    light[at.HAZE_R : at.HAZE_B + 1] = 0.9 * horizon
    light[at.CLOUDS] = 0.0 if rng.random() < 0.25 else rng.uniform(0.15, 0.9)
    light[at.CLOUD_SIZE], light[at.CLOUD_SEED] = rng.uniform(0.4, 1.6), rng.uniform(0, 1000)
    light[at.GLOW] = clear * rng.uniform(0.3, 1.0)
    if rng.random() < 0.35:  # a photographed sky
        light[at.SKY] = b.bank.pick_panorama(rng, OPEN_SKY)
        light[at.SKY_TURN], light[at.SKY_GAIN] = rng.random(), rng.uniform(0.8, 1.4)


def night(b: SceneBuilder) -> None:
    """A dark sky over a place lit from one side, as at a launch or under street lamps."""
    rng, light = b.rng, b.light
    daylight(b)
    light[at.SKY], light[at.CLOUDS] = -1, 0
    light[at.ZENITH_R : at.ZENITH_B + 1] = rng.uniform(0, 0.01) + rng.uniform(0, 0.004, 3)
    light[at.HORIZON_R : at.HORIZON_B + 1] = rng.uniform(0, 0.06) * rng.uniform(0.7, 1.3, 3)
    light[at.UP_R : at.DOWN_B + 1] *= rng.uniform(0.05, 0.3)
    light[at.GLOW] = 0
    light[at.HAZE] *= 0.2


def indoors(b: SceneBuilder, low: tuple[float, float, float], high: tuple[float, float, float]) -> None:
    """A lamp or window as key light within a room that reaches from ``low`` to ``high``."""
    rng, light = b.rng, b.light
    if rng.random() < 0.6:
        share = rng.uniform(0.15, 0.85, 2)
        light[at.KEY_X] = low[0] + share[0] * (high[0] - low[0])
        light[at.KEY_Z] = low[2] + share[1] * (high[2] - low[2])
        light[at.KEY_Y] = high[1] - rng.uniform(0.1, 0.6)
    else:  # a window beside or behind the camera
        light[at.KEY_X] = low[0] + 0.1 if rng.random() < 0.5 else high[0] - 0.1
        light[at.KEY_Z] = rng.uniform(low[2], high[2])
        light[at.KEY_Y] = low[1] + rng.uniform(0.9, 0.75 * (high[1] - low[1]) + 0.3)
    light[at.KEY_POINT] = rng.uniform(0.7, 1.6) * math.sqrt((high[0] - low[0]) * (high[1] - low[1])) * 0.55
    warm = rng.uniform(-0.1, 0.35)
    light[at.KEY_R : at.KEY_B + 1] = rng.uniform(0.4, 1.3) * np.array([1 + warm, 1.0, 1 - warm])
    ambient = rng.uniform(0.2, 0.8)
    tone = rng.uniform(-0.08, 0.15)
    light[at.UP_R : at.UP_B + 1] = ambient * np.array([1 + tone, 1.0, 1 - tone])
    light[at.DOWN_R : at.DOWN_B + 1] = ambient * rng.uniform(0.4, 0.9) * np.array([1 + tone, 1.0, 1 - 1.3 * tone])
    angle = rng.uniform(0, 2 * math.pi)
    light[at.FILL_X : at.FILL_Z + 1] = 0.8 * math.cos(angle), 0.3, 0.8 * math.sin(angle)
    light[at.FILL_R : at.FILL_B + 1] = rng.uniform(0, 0.6) * np.array([1.0, 1.0, 1.0])
    light[at.OCCLUSION] = rng.uniform(0.6, 0.95)
    light[at.HORIZON_R : at.HORIZON_B + 1] = light[at.ZENITH_R : at.ZENITH_B + 1] = 0.9


def staged(b: SceneBuilder, panorama: int) -> None:
    """Light as the panorama around the scene has it: its mean colors, a key light somewhere above."""
    rng, light = b.rng, b.light
    daylight(b)
    up, down = b.bank.panorama_means[panorama]
    gain = rng.uniform(0.8, 1.4)
    light[at.SKY], light[at.SKY_TURN], light[at.SKY_GAIN] = panorama, rng.random(), gain
    light[at.UP_R : at.UP_B + 1] = 1.1 * gain * up
    light[at.DOWN_R : at.DOWN_B + 1] = 0.8 * gain * down
    light[at.KEY_R : at.KEY_B + 1] *= 0.6
    light[at.HAZE] = 0
