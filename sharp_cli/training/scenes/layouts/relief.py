"""Heights of land: noise at all sizes, as hills and mountains have it."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from sharp_cli.training.scenes.layout import Doubles


def relief(rng: Generator, side: int, falloff: float, ridged: bool = False) -> Doubles:
    """(side, side) heights in about [0, 1]; a larger ``falloff`` is smoother, ``ridged`` has crests."""
    frequency = np.fft.fftfreq(2 * side) * 2 * side
    radius = np.maximum(np.hypot(frequency[None, :], frequency[:, None]), 1.0)
    spectrum = np.fft.fft2(rng.standard_normal((2 * side, 2 * side))) / radius**falloff
    spectrum[0, 0] = 0.0
    values = np.fft.ifft2(spectrum).real[:side, :side]
    values /= values.std() + 1e-12
    if ridged:
        return np.clip(1.0 - 0.55 * np.abs(values) - 0.1 * np.abs(values) ** 2, 0.0, 1.0)
    return np.clip(0.5 + 0.22 * values, 0.0, 1.0)
