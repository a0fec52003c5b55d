"""A small clip, and one call that writes it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sharp_cli.render.encode import open_encoder

FACTS = {"path": "swipe", "name": 'Zoë’s <photo> & "more"', "long": "x" * 700}


def sample_frames(count: int = 5, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """A gradient with a square that moves by 6 px per frame."""
    frames = []
    for i in range(count):
        frame = np.zeros((height, width, 3), np.uint8)
        frame[..., 0] = np.linspace(0, 200, width)
        frame[..., 2] = np.linspace(30, 220, height)[:, None]
        frame[10:30, 6 * i : 6 * i + 20] = 250, 240, 20
        frames.append(frame)
    return frames


def write(path: Path, format: Any, frames: list[np.ndarray], fps: float | Fraction = 30, **options: Any) -> Path:
    with open_encoder(path, format, fps=fps, facts=options.pop("facts", FACTS), **options) as encoder:
        for frame in frames:
            encoder.add(frame)
    return path
