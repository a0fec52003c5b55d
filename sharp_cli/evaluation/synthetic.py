"""The synthetic scenes that no training sees."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from sharp_cli.datasets.samples import Sample
from sharp_cli.datasets.view_pair import View, ViewPair
from sharp_cli.scenes import SceneConfig, make_pair
from sharp_cli.scenes.dataset import Split, seeds

SCENES = 64
"""How many scenes an evaluation has."""
CONFIG = SceneConfig()


def synthetic_samples(size: int, count: int = SCENES, split: Split = "test") -> list[Sample]:
    """The first scenes of a split, by their seeds.

    Args:
        size: side of the square pictures in pixels; the network's own resolution, so that neither it nor the
            baselines gain by resampling.
    """
    return [Sample(f"{split}-{seed}", partial(_draw, seed, size)) for seed in seeds(split)[:count]]


def _draw(seed: int, size: int) -> ViewPair:
    pair = make_pair(seed, size, CONFIG)
    return replace(pair, input=_open_sky(pair.input, CONFIG.far), novel=_open_sky(pair.novel, CONFIG.far))


def _open_sky(view: View, far: float) -> View:
    """The sky infinitely far away instead of at a made-up depth, which no depth metric should ask for."""
    return replace(view, depth=np.where(view.depth < far, view.depth, np.float32(np.inf)))
