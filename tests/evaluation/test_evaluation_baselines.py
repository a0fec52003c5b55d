"""The plane baseline where it is exact, and its homography against the one worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from truths import HEIGHT, WIDTH, camera, plane_pair, plane_view, pose

from sharp_cli.evaluation.baselines import homography_to_input, median_depth, photo_on_plane, photo_unchanged
from sharp_cli.metrics.image import psnr


def quality(found: np.ndarray, true: np.ndarray, border: int = 0) -> float:
    inner = np.s_[border : len(true) - border or None, border : true.shape[1] - border or None]
    a, b = (torch.tensor(x[inner]).permute(2, 0, 1)[None].float() / 255 for x in (found, true))
    return psnr(a, b).item()


def test_a_camera_that_steps_aside_moves_the_plane_by_its_disparity() -> None:
    # 50 px · 0.08 m / 2 m = 2 px: the picture moves two pixels to the left, and its edge goes on
    pair = plane_pair(pose(x=0.08), camera())
    H = homography_to_input(pair, 2.0)
    np.testing.assert_allclose(H / H[2, 2], [[1, 0, 2], [0, 1, 0], [0, 0, 1]], atol=1e-12)
    found = photo_on_plane(pair, 2.0)
    np.testing.assert_array_equal(found[:, :-2], pair.photo[:, 2:])
    np.testing.assert_array_equal(found[:, -2:], pair.photo[:, [-1, -1]])
    assert quality(found[:, :-2], pair.novel.image[:, :-2]) > 60  # some values round the other way


def test_a_camera_that_steps_forward_magnifies_the_plane() -> None:
    # from 2 m to 1.6 m: 1.25 times larger about the principal point
    K = camera(cx=30.0, cy=20.0)
    H = homography_to_input(plane_pair(pose(z=0.4), K), 2.0)
    np.testing.assert_allclose(H / H[2, 2], [[0.8, 0, 6], [0, 0.8, 4], [0, 0, 1]], atol=1e-12)


def test_a_camera_that_turns_sees_every_depth_alike() -> None:
    K, turned = camera(), pose(yaw=0.2)
    pair = plane_pair(turned, K)
    expected = np.linalg.inv(K @ turned[:3, :3] @ np.linalg.inv(K))
    for depth in (0.5, 2.0, 100.0):
        np.testing.assert_allclose(homography_to_input(pair, depth), expected)


@pytest.mark.parametrize("K", [camera(), camera(fy=70.0, cx=25.0, cy=30.0)])
def test_a_painted_plane_is_explained_wholly(K: np.ndarray) -> None:
    pair = plane_pair(pose(0.1, -0.06, 0.15, 0.05), K)
    assert median_depth(pair) == pytest.approx(2.0)
    assert quality(photo_on_plane(pair, 2.0), pair.novel.image, border=6) > 42
    assert quality(photo_unchanged(pair), pair.novel.image, border=6) < 30
    assert quality(photo_on_plane(pair, 1.0), pair.novel.image, border=6) < 30


def test_pixels_that_look_away_from_the_plane_get_an_edge() -> None:
    # turned by more than a right angle: nothing of the plane is in front of the novel camera
    pair = plane_pair(pose(yaw=0.3), camera())
    away = replace(pair, novel=replace(pair.novel, viewmat=pose(yaw=2.3)))
    found = photo_on_plane(away, 2.0)
    edges = {tuple(color) for color in np.concatenate([pair.photo[:, 0], pair.photo[:, -1]])}
    assert {tuple(color) for color in found.reshape(-1, 3)} <= edges


def test_views_of_different_sizes() -> None:
    K = camera()
    large = np.diag([2.0, 2.0, 1.0]) @ K
    seen = plane_view(np.eye(4), K, 2.0)
    pair = replace(
        plane_pair(np.eye(4), K), novel=plane_view(np.eye(4), large, 2.0, (2 * HEIGHT, 2 * WIDTH)), photo=seen.image
    )
    for found in (photo_on_plane(pair, 2.0), photo_unchanged(pair)):
        assert found.shape == (2 * HEIGHT, 2 * WIDTH, 3)
        assert quality(found, pair.novel.image, border=2) > 42


def test_the_median_is_of_known_depths() -> None:
    pair = plane_pair(np.eye(4), camera())
    depth = np.array([[1.0, 2.0, 9.0, 0.0, np.inf, np.nan]], np.float32)
    assert median_depth(replace(pair, input=replace(pair.input, depth=depth))) == 2.0
    assert median_depth(replace(pair, input=replace(pair.input, depth=depth[:, 3:]))) is None
