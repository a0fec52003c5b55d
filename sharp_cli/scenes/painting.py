"""What painters of procedural textures share: noise, ramps and grain."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from sharp_cli.scenes.layout import TEXTURE_SIDE as SIDE

Picture = NDArray[np.float64]


def spectral(rng: Generator, falloff: float, stretch: float = 1.0) -> Picture:
    """(S, S) noise in [0, 1] whose amplitude falls with frequency by this power; ``stretch`` > 1 draws it out in y."""
    down, across = np.fft.fftfreq(SIDE) * SIDE, np.fft.rfftfreq(SIDE) * SIDE
    radius = np.hypot(across[None, :], down[:, None] * stretch)
    radius[0, 0] = np.inf
    wave = np.fft.rfft2(rng.standard_normal((SIDE, SIDE))) / np.maximum(radius, 1.0) ** falloff
    values = np.fft.irfft2(wave)
    return np.clip(0.5 + 0.2 * values / values.std(), 0, 1)


def grid() -> tuple[Picture, Picture]:
    """(S, S) coordinates x and y in [0, 1)."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    return x, y


def gray(values: Picture) -> Picture:
    """(S, S) values as a gray picture (S, S, 3)."""
    return np.repeat(np.clip(values, 0, 1)[..., None], 3, axis=2)


def between(values: Picture, low: tuple[float, ...], high: tuple[float, ...]) -> Picture:
    """(S, S) values in [0, 1] as colors between two."""
    return np.asarray(low) + np.clip(values, 0, 1)[..., None] * (np.asarray(high) - np.asarray(low))


def grained(image: Image.Image, rng: Generator, grain: float = 0.08) -> Picture:
    """A picture with uneven brightness, as print and paint have it."""
    picture = np.asarray(image, np.float64) / 255
    uneven = (spectral(rng, 1.2)[..., None] - 0.5) + 0.6 * (spectral(rng, 0.4)[..., None] - 0.5)
    return np.clip(picture * (1 + 4 * grain * uneven), 0, 1)


def random_colors(rng: Generator, count: int) -> Picture:
    """(count, 3): mostly muted, as things are; now and then a strong one."""
    tone = rng.uniform(0.08, 0.95, (count, 1))
    return np.clip(
        tone + rng.choice([0.06, 0.2, 0.5], (count, 1), p=[0.5, 0.3, 0.2]) * rng.uniform(-1, 1, (count, 3)), 0, 1
    )
