"""Heights of land: noise at all sizes, as hills and mountains have it."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from sharp_cli.scenes.layout import Doubles


def relief(rng: Generator, side: int, falloff: float, ridged: bool = False) -> Doubles:
    """(side, side) heights in about [0, 1]; a larger ``falloff`` is smoother, ``ridged`` has crests."""
    size = 2 * side
    down, across = np.fft.fftfreq(size) * size, np.fft.rfftfreq(size) * size
    radius = np.maximum(np.hypot(across[None, :], down[:, None]), 1.0)
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / radius**falloff
    spectrum[0, 0] = 0.0
    values = np.fft.irfft2(spectrum)[:side, :side]
    values /= values.std() + 1e-12
    if ridged:
        return np.clip(1.0 - 0.55 * np.abs(values) - 0.1 * np.abs(values) ** 2, 0.0, 1.0)
    return np.clip(0.5 + 0.22 * values, 0.0, 1.0)
