"""The tracer against geometry worked out by hand: every pixel's depth lies on the shape it names."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.bank import Bank, light_of_bytes
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import rotation
from sharp_cli.scenes.layout import Textures
from sharp_cli.scenes.rendering import Pose, ScenePixels, render_scene
from sharp_cli.scenes.screen import NEAR, screen_of
from sharp_cli.scenes.shapes import blob_distance, blob_gradient, round_gradient
from sharp_cli.scenes.tree import build_tree

SIZE = 40
FAR = 500.0
TEXELS = sum((at.TEXTURE_SIDE >> level) ** 2 for level in range(at.LEVELS))
TEXTURES = Textures(
    np.full((1, TEXELS, 3), 128, np.uint8), np.full((1, 3), 0.2158, np.float32),
    np.full((1, 2, 4, 3), 90, np.uint8), light_of_bytes(),
)  # fmt: skip
POSE = Pose(
    np.array([0.2, 1.1, -0.3]),
    rotation(0.1, 0.15, 0.05),
    np.array([[0.9 * SIZE, 0, SIZE / 2], [0, 1.1 * SIZE, SIZE / 2], [0, 0, 1.0]]),
)


def builder(seed: int = 0) -> SceneBuilder:
    return SceneBuilder(np.random.default_rng(seed), Bank(TEXTURES, {"plain": (0,)}, {}, np.zeros((0, 2, 3))))


def seen(b: SceneBuilder, pose: Pose = POSE) -> ScenePixels:
    b.light[[at.KEY_Y, at.KEY_G, at.UP_R, at.UP_G, at.UP_B]] = 1.0
    return render_scene(b.finish(), TEXTURES, pose, SIZE, SIZE, FAR)


def rays(pose: Pose = POSE) -> np.ndarray:
    """(H, W, 3) directions with depth 1, in the scene's frame."""
    centers = np.arange(SIZE) + 0.5
    x = (centers[None, :] - pose.K[0, 2]) / pose.K[0, 0]
    y = (centers[:, None] - pose.K[1, 2]) / pose.K[1, 1]
    return np.stack(np.broadcast_arrays(x, y, 1.0), axis=2) @ pose.axes.T


def test_ground_plane_has_the_depth_of_the_formula() -> None:
    b = builder()
    b.ground(b.material(0, (0.5, 0.5, 0.5)))
    view = seen(b)
    down = rays()[..., 1]
    with np.errstate(divide="ignore"):
        expected = np.where((down < 0) & (-POSE.eye[1] / down < FAR), -POSE.eye[1] / down, FAR)
    np.testing.assert_allclose(view.depth, expected, rtol=1e-6)
    assert ((view.shapes == -1) == (view.depth == FAR)).all()
    assert 0.2 < (view.shapes == 0).mean() < 0.95


def test_sphere_has_the_depth_of_the_formula() -> None:
    b = builder()
    center, radius = np.array([0.5, 0.8, 4.0]), 1.3
    b.ball(center, (radius,) * 3, b.material(0, (0.5, 0.5, 0.5)))
    view = seen(b)
    d, o = rays(), POSE.eye - center
    a, half, c = (d * d).sum(axis=2), d @ o, o @ o - radius**2
    rest = half**2 - a * c
    expected = np.where(rest >= 0, (-half - np.sqrt(np.maximum(rest, 0))) / a, FAR)
    np.testing.assert_allclose(view.depth, expected, rtol=1e-6)


def _add(b: SceneBuilder, kind: int, rng: np.random.Generator) -> None:
    place = rng.uniform((-1.5, 0.2, 3), (1.5, 1.8, 6))
    size = rng.uniform(0.3, 0.9, 3)
    gray = b.material(0, (0.5, 0.5, 0.5))
    if kind == at.BOX:
        b.box(place, size, gray, rng.uniform(0, 3))
    elif kind == at.BALL:
        b.ball(place, size, gray, rng.uniform(0, 3))
    elif kind == at.CONE:
        b.rod(place, place + 1.5 * rng.standard_normal(3), size[0], size[1] * rng.choice([0, 1]), gray, closed=True)
    elif kind == at.ROUND:
        b.rounded(place, size, 0.5 * size.min(), gray, rng.uniform(0, 3))
    elif kind == at.FLAT:
        b.flat(place, rng.standard_normal(3), rng.standard_normal(3), gray, at.DISC)
    elif kind == at.BLOB:
        ends = rng.uniform(-0.8, 0.8, (6, 2, 3))
        capsules = [(*p, rng.uniform(0.1, 0.4), *q, rng.uniform(0.1, 0.4)) for p, q in ends]
        b.blob(place, capsules, 0.2, gray, rng.uniform(0, 3), 0.7)
    else:
        heights = rng.uniform(0, 0.5, (20, 30)).cumsum(axis=0) * 0.2
        b.terrain((-4, -1, 2), (0.3, 0.25), heights, gray)


def residual(scene: at.Scene, i: int, p: np.ndarray) -> np.ndarray:
    """How far local points are from the surface of shape ``i``, in local units."""
    x, y, z = p.T
    kind, params = scene.kinds[i], scene.params[i]
    if kind == at.BOX:
        return np.abs(p).max(axis=1) - 1
    if kind == at.BALL:
        return np.linalg.norm(p, axis=1) - 1
    if kind == at.FLAT:
        return np.maximum(np.abs(z), np.maximum(np.hypot(x, y) - 1, 0))
    if kind == at.CONE:
        side = np.hypot(x, y) - (0.5 * (1 + params[0]) + 0.5 * (params[0] - 1) * z)
        return np.where(side < 0, np.minimum(np.abs(side), np.abs(np.abs(z) - 1)), side)
    if kind == at.ROUND:
        q = np.abs(p) - params[:3] + params[3]
        return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(axis=1), 0) - params[3]
    if kind == at.BLOB:
        every = (1 << 62) - 1
        of = [blob_distance(*q, scene.capsules, int(params[0]), int(params[1]), params[2], every) for q in p]
        return np.array(of)
    columns = int(params[1])
    i0, j0 = np.clip(x.astype(int), 0, columns - 2), np.clip(z.astype(int), 0, int(params[2]) - 2)
    grid, a, c = scene.heights[:-1].reshape(-1, columns), x - i0, z - j0
    near = (1 - a) * grid[j0, i0] + a * grid[j0, i0 + 1]
    return (1 - c) * near + c * ((1 - a) * grid[j0 + 1, i0] + a * grid[j0 + 1, i0 + 1]) - y


@pytest.mark.parametrize("kind", range(7), ids=["flat", "box", "ball", "cone", "blob", "terrain", "round"])
def test_every_visible_point_lies_on_its_shape(kind: int) -> None:
    hits = 0
    for seed in range(6):
        b = builder()
        _add(b, kind, np.random.default_rng(seed))
        scene, view = b.finish(), seen(b)
        hit = view.shapes == 0
        hits += hit.sum()
        points = POSE.eye + view.depth[hit].astype(float)[:, None] * rays()[hit]
        local = points @ scene.to_local[0, :, :3].T + scene.to_local[0, :, 3]
        assert np.abs(residual(scene, 0, local)).max(initial=0) < 2e-3
    assert hits > 300


def test_many_shapes_together_show_the_nearest_of_each_alone() -> None:
    rng = np.random.default_rng(5)
    b, alone = builder(), np.full((SIZE, SIZE), FAR, np.float32)
    for i in range(40):
        state = rng.bit_generator.state
        _add(b, i % 7, rng)
        rng.bit_generator.state = state
        one = builder()
        _add(one, i % 7, rng)
        alone = np.minimum(alone, seen(one).depth)
    np.testing.assert_allclose(seen(b).depth, alone, rtol=2e-4)


def test_the_number_of_threads_does_not_matter() -> None:
    b = builder()
    for kind in range(7):
        _add(b, kind, np.random.default_rng(kind))
    scene, side = b.finish(), 4 * SIZE  # several threads' worth
    pose = Pose(POSE.eye, POSE.axes, np.diag([4.0, 4.0, 1.0]) @ POSE.K)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = render_scene(scene, TEXTURES, pose, side, side, FAR)
        torch.set_num_threads(3)
        three = render_scene(scene, TEXTURES, pose, side, side, FAR)
    finally:
        torch.set_num_threads(before)
    assert one.color.tobytes() == three.color.tobytes()
    assert one.depth.tobytes() == three.depth.tobytes()


def test_outlines_are_antialiased() -> None:
    b = builder()
    b.flat((0, 1, 5), (0.7, 0.2, 0), (-0.2, 0.7, 0), b.material(0, (0.5, 0.5, 0.5), contrast=0.0))
    b.light[[at.HORIZON_R, at.HORIZON_G, at.HORIZON_B]] = b.light[[at.ZENITH_R, at.ZENITH_G, at.ZENITH_B]] = 3.0
    view = seen(b)
    inside = view.color[view.shapes == 0, 1].min()
    shares = (view.color[..., 1] - inside) / (3.0 - inside)
    between = np.unique(np.round(4 * shares[(shares > 0.1) & (shares < 0.9)], 2))
    np.testing.assert_allclose(between, [1, 2, 3], atol=0.05)
    centers = (view.shapes < 0).mean()  # a finer picture of the same
    assert math.isclose(shares.mean(), centers, abs_tol=0.01)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_what_is_in_a_box_falls_into_its_rectangle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(-3, 3, 3)
    high = low + rng.uniform(0, 4, 3) * rng.integers(0, 2, 3)
    camera = np.concatenate([POSE.eye, POSE.axes.ravel(), POSE.K[[0, 1, 0, 1], [0, 1, 2, 2]]])
    b = builder()
    b.ground(b.material(0, (0.5, 0.5, 0.5)))
    scene = b.finish()._replace(bounds=np.concatenate([low, high])[None])
    left, top, right, bottom, depth = screen_of(scene, camera, 1).rectangles[0]
    points = (rng.uniform(low, high, (200, 3)) - POSE.eye) @ POSE.axes
    x, y, z = points[points[:, 2] > NEAR].T
    u, v = camera[12] * x / z + camera[14], camera[13] * y / z + camera[15]
    assert (u >= left).all() and (u <= right).all() and (v >= top).all() and (v <= bottom).all() and (z >= depth).all()


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_the_tree_holds_every_box_once_within_its_parents(count: int) -> None:
    rng = np.random.default_rng(count)
    low = rng.integers(0, 4, (count, 3)).astype(float)  # some round the same place
    bounds = np.hstack([low, low + rng.uniform(0, 2, (count, 3))])
    nodes, skip, leaf = build_tree(bounds)
    assert sorted(leaf[leaf >= 0]) == list(range(count))
    for node, after in enumerate(skip):
        assert node < after <= len(nodes)
        held = leaf[node:after]
        inside = bounds[held[held >= 0]]
        np.testing.assert_array_equal(nodes[node, :3], inside[:, :3].min(axis=0))
        np.testing.assert_array_equal(nodes[node, 3:], inside[:, 3:].max(axis=0))


@pytest.mark.parametrize("kind", [at.BLOB, at.ROUND])
def test_gradients_are_those_of_the_distance(kind: int) -> None:
    for seed in range(4):
        b = builder()
        _add(b, kind, np.random.default_rng(seed))
        scene, view = b.finish(), seen(b)
        hit = view.shapes == 0
        points = POSE.eye + view.depth[hit].astype(float)[:, None] * rays()[hit]
        for p in (points @ scene.to_local[0, :, :3].T + scene.to_local[0, :, 3])[::7]:
            steps = p + 1e-6 * np.concatenate([np.eye(3), -np.eye(3)])
            there = residual(scene, 0, steps)
            expected = (there[:3] - there[3:]) / 2e-6
            params = scene.params[0]
            if kind == at.BLOB:
                found = blob_gradient(*p, scene.capsules, int(params[0]), int(params[1]), params[2])
            else:
                found = np.array(round_gradient(*p, *params))
                found /= np.linalg.norm(found)
            np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_shadow_falls_where_the_light_is_hidden() -> None:
    b = builder()
    gray = b.material(0, (0.5, 0.5, 0.5), contrast=0.0)
    b.ground(gray)
    b.flat((0, 3.0, 4.0), (1, 0, 0), (0, 0, 1), gray)  # overhead, its shadow straight below
    view = seen(b)
    points = POSE.eye + view.depth.astype(float)[..., None] * rays()
    ground, inside = (
        (view.shapes == 0) & (view.depth < 20),
        (np.abs(points[..., 0]) < 0.8) & (np.abs(points[..., 2] - 4) < 0.8),
    )
    outside = (np.abs(points[..., 0]) > 1.6) | (np.abs(points[..., 2] - 4) > 1.6)
    assert (ground & inside).sum() > 10
    assert view.color[ground & inside, 1].max() < 0.6 * view.color[ground & outside, 1].min()


def test_far_texture_is_averaged_and_not_sampled() -> None:
    checks = np.indices((at.TEXTURE_SIDE, at.TEXTURE_SIDE)).sum(axis=0) % 2 * 255
    fine = np.repeat(checks.reshape(1, -1, 1), 3, axis=2).astype(np.uint8)
    rest = np.full((1, TEXELS - fine.shape[1], 3), 188, np.uint8)  # half the light of white
    textures = TEXTURES._replace(texels=np.concatenate([fine, rest], axis=1), means=np.full((1, 3), 0.5, np.float32))
    b = builder()
    b.flat((0, 1, 60), (40, 0, 0), (0, 40, 0), b.material(0, (0.5, 0.5, 0.5), 2.0, contrast=1.0))
    b.light[[at.UP_R, at.UP_G, at.UP_B, at.DOWN_R, at.DOWN_G, at.DOWN_B]] = 1.0
    level = Pose(np.array([0.0, 1.0, 0.0]), rotation(0, 0, 0), POSE.K)
    color = render_scene(b.finish(), textures, level, SIZE, SIZE, FAR).color
    assert math.isclose(color.mean(), 0.5, rel_tol=0.05)
    assert color.std() < 0.02
