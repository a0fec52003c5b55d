"""A scale that does not flicker, and does not take the camera's motion for flicker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from panoramas import splat_of_depth

from sharp_cli.multiview.motion import shift_between, zoom_between
from sharp_cli.multiview.steady import Glance, correction_after, glance_of, load_glance, save_glance

FOCAL, WIDTH, HEIGHT = 107.0, 128, 72
FREQUENCIES = np.random.default_rng(5).normal(0, 6, (24, 2))


def paint(x: np.ndarray, y: np.ndarray, seed: int = 0) -> np.ndarray:
    """A texture of a wall, (..., 3) with values 0..255."""
    phases = np.random.default_rng(seed).uniform(0, 6.28, len(FREQUENCIES))
    waves = np.sin(x[..., None] * FREQUENCIES[:, 0] + y[..., None] * FREQUENCIES[:, 1] + phases).sum(-1)
    return np.repeat((128 + 20 * waves).clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def look(right: float = 0.0, forward: float = 0.0, scale: float = 0.0, slant: float = 0.6, seed: int = 0) -> Glance:
    """A wall 3 m away that is slanted to the side, seen by a camera that moved; its depth is off by ``scale``."""
    x, y = np.meshgrid((np.arange(WIDTH) + 0.5 - WIDTH / 2) / FOCAL, (np.arange(HEIGHT) + 0.5 - HEIGHT / 2) / FOCAL)
    depth = (3 + slant * right - forward) / (1 - slant * x)
    pixels = paint(right + x * depth, y * depth, seed)
    shape = 4 * HEIGHT, 4 * WIDTH
    fine = depth.repeat(4, 0).repeat(4, 1)
    splat = splat_of_depth(np.full((*shape, 3), 128, np.uint8), np.exp(scale) * fine, 4 * FOCAL)
    return glance_of(pixels, splat)


def follow(glances: list[Glance]) -> np.ndarray:
    """The corrections of a film."""
    past: list[Glance] = []
    for glance in glances:
        past.append(Glance(glance.gray, glance.disparity, correction_after(past, glance)))
    return np.array([glance.correction for glance in past])


@pytest.mark.parametrize(
    ("right", "forward"), [(0.0, 0.0), (0.03, 0.0), (0.0, 0.03), (0.02, 0.02)], ids=["still", "side", "ahead", "both"]
)
def test_flicker_is_removed_and_motion_is_not(right: float, forward: float) -> None:
    flicker = np.random.default_rng(0).normal(0, 0.1, 24)
    steps = range(len(flicker))
    steady = flicker + follow([look(right * k, forward * k, flicker[k]) for k in steps])
    assert np.std(steady) < 0.25 * np.std(flicker)


def test_motion_alone_changes_nothing() -> None:
    assert np.abs(follow([look(0.03 * k, 0.02 * k) for k in range(16)])).max() < 0.02


def test_a_cut_starts_anew() -> None:
    corrections = follow([look(), look(scale=0.2), look(scale=0.4, slant=-0.6, seed=1), look(slant=-0.6, seed=1)])
    assert corrections[1] == pytest.approx(-0.2, abs=0.01)
    assert corrections[2] == 0.0
    assert corrections[3] == pytest.approx(0.4, abs=0.01)


def test_a_blank_frame_is_passed_over() -> None:
    black = Glance(np.zeros((HEIGHT, WIDTH), np.uint8), np.full((HEIGHT, WIDTH), 1.0, np.float16))
    corrections = follow([black, look(), look(0.02, scale=0.3), black, look(0.04, scale=0.2), black])
    assert corrections[:2].tolist() == [0.0, 0.0]
    assert corrections[3] == corrections[2]
    assert corrections[4] == pytest.approx(-0.2, abs=0.01)


def test_shift_and_zoom_of_a_picture() -> None:
    x, y = np.meshgrid(np.linspace(-1, 1, 128, endpoint=False), np.linspace(-0.5, 0.5, 72, endpoint=False))
    before = paint(x, y)[..., 0].astype(float)
    moved = paint(x - 5 / 64, y + 3 / 72)[..., 0].astype(float)
    assert shift_between(before, moved) == (5, -3)
    larger = paint(x / 1.03, y / 1.03)[..., 0].astype(float)
    assert zoom_between(before, larger, (0, 0)) == pytest.approx(np.log(1.03), abs=2e-3)
    stretched = paint(x / 1.03 - 2 / 64, y)[..., 0].astype(float)  # as when passing a slanted wall
    assert zoom_between(before, stretched, (2, 0)) == pytest.approx(0, abs=2e-3)
    assert zoom_between(before, np.zeros_like(before), (0, 0)) == 0.0


def test_what_is_remembered_of_a_frame_is_read_as_it_was(tmp_path: Path) -> None:
    path, glance = tmp_path / "steady" / "frame_00000.npz", look(0.1)
    glance = Glance(glance.gray, glance.disparity, 0.123456789)
    save_glance(path, glance, "a b=1")
    found = load_glance(path, "a b=1")
    assert found is not None and found.correction == glance.correction
    np.testing.assert_array_equal(found.gray, glance.gray)
    np.testing.assert_array_equal(found.disparity, glance.disparity)
    assert load_glance(path, "a b=2") is None
    path.write_bytes(path.read_bytes()[:-40])
    assert load_glance(path, "a b=1") is None
    assert load_glance(tmp_path / "none.npz", "") is None
