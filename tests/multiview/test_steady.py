"""A scale that does not flicker."""

from __future__ import annotations

import numpy as np
from panoramas import splat_of_depth

from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.multiview.steady import Steadier


def room_splat(scale: float, shift: float = 0.0) -> Gaussians:
    x, y = np.meshgrid(np.linspace(-1, 1, 96), np.linspace(-1, 1, 64))
    depth = 3 + np.sin(3 * x + shift) + 0.5 * y
    return splat_of_depth(np.full((64, 96, 3), 128, np.uint8), scale * depth, 80.0)


def test_flicker_is_removed_and_slow_motion_stays() -> None:
    rng = np.random.default_rng(0)
    flicker = rng.normal(0, 0.1, 60)
    steadier = Steadier()
    left = [
        float(value + steadier.follow(room_splat(np.exp(value), shift=0.01 * index)))
        for index, value in enumerate(flicker)
    ]
    assert np.std(left[5:]) < 0.25 * np.std(flicker[5:])


def test_a_cut_starts_anew() -> None:
    steadier = Steadier()
    steadier.follow(room_splat(1.0))
    assert steadier.follow(room_splat(1.3)) != 0
    assert steadier.follow(room_splat(1.0, shift=3.0)) == 0.0
