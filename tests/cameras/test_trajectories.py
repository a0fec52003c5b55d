"""Camera paths: the published four with the published numbers; ours are closed and smooth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from camera_paths import PHOTO, cloud, eyes_of, seen_at, splat_of
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sharp_cli import Camera, SharpError
from sharp_cli.cameras.framing import depth_range, source_view
from sharp_cli.cameras.names import PublishedPath, Trajectory
from sharp_cli.cameras.trajectories import range_warning, trajectory

LOOPING = sorted({*get_args(Trajectory)} - {"swipe", "still"})


@pytest.fixture(scope="module")
def published(data: Path) -> dict[str, Any]:
    return json.loads((data / "cameras.json").read_text())


def same_phase(name: str, frames: int, repeat: int) -> tuple[int, int, list[int]]:
    """How to call :func:`trajectory`, and which of its views match a published path's, in order.

    The published tool spreads all rounds over its frames with both ends included. A single round of as many steps has
    the same places, and each of its rounds passes them in strides.
    """
    if name == "swipe":
        return frames, repeat, list(range(frames * repeat))
    if name != "shake":
        steps = frames * repeat - 1
        return steps, 1, [repeat * k % steps for k in range(steps + 1)]
    half = frames * repeat // 2  # half for either direction, each with both ends
    assert frames * repeat == 2 * half
    strides = [repeat * k % (half - 1) for k in range(half)]
    return 2 * (half - 1), 1, [*strides, *(half - 1 + stride for stride in strides)]


@pytest.mark.parametrize("name", get_args(PublishedPath))
def test_published_cameras(published: dict[str, Any], name: str) -> None:
    cases = [case for case in published["cases"] if case["type"] == name]
    assert len(cases) == 10
    for case in cases:
        if name == "shake" and case["num_steps"] * case["num_repeats"] % 2:
            continue  # its two directions then have different steps
        frames, repeat, chosen = same_phase(name, case["num_steps"], case["num_repeats"])
        views = trajectory(
            case["type"],
            splat_of(torch.tensor(published["means"]), Camera(case["width"], case["height"], case["f_px"])),
            frames=frames,
            repeat=repeat,
            max_disparity=case["max_disparity"],
            max_zoom=case["max_zoom"],
            look_at=case["lookat"],
        )
        expected = torch.tensor(case["extrinsics"])
        if case["distance_m"]:  # the published tool can shift the whole path along z
            assert case["lookat"] == "ahead"
            expected[:, 2, 3] += case["distance_m"]
        torch.testing.assert_close(views.viewmats[chosen], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", LOOPING)
@pytest.mark.parametrize("repeat", [1, 3])
@pytest.mark.parametrize("look_at", ["point", "ahead"])
def test_loops_have_no_jump_and_no_doubled_frame(name: Trajectory, repeat: int, look_at: Any) -> None:
    views = trajectory(name, splat_of(cloud((0, 0, 5))), frames=48, repeat=repeat, look_at=look_at)
    assert len(views) == 48 * repeat
    eyes = eyes_of(views)
    steps = (eyes.roll(-1, 0) - eyes).norm(dim=1)
    # The step over the seam is an ordinary one: no longer than its neighbors allow, nor none at all.
    assert steps[-1] > 0.01 * steps.max()
    assert steps[-1] <= 1.1 * max(steps[-2], steps[0])
    assert steps.max() < 0.2 * (eyes.amax(0) - eyes.amin(0)).norm()
    assert steps.min() > 1e-3 * steps.max()


@pytest.mark.parametrize("name", ["orbit", "dolly", "rotate", "rotate_forward"])
def test_the_motion_is_smooth_over_the_seam(name: Trajectory) -> None:
    eyes = eyes_of(trajectory(name, splat_of(cloud((0, 0, 5))), frames=48))
    bends = (eyes.roll(-1, 0) - 2 * eyes + eyes.roll(1, 0)).norm(dim=1)
    extent = (eyes.amax(0) - eyes.amin(0)).norm()
    assert bends.max() < 0.04 * extent  # 4 (2π / 48)² / 2 at most, from rotate_forward's doubled frequency


def test_swipe_jumps_back_and_still_stands() -> None:
    gaussians = splat_of(cloud((0, 0, 5)))
    x = eyes_of(trajectory("swipe", gaussians, frames=10, repeat=2))[:, 0]
    assert (x[:9] < x[1:10]).all()
    torch.testing.assert_close(x[:10], x[10:])
    assert x[0] == pytest.approx(-x[9])
    still = trajectory("still", gaussians, frames=5)
    torch.testing.assert_close(still.viewmats, torch.eye(4).repeat(5, 1, 1))


def test_orbit_goes_once_around_the_source_view_and_faces_the_focus_point() -> None:
    gaussians = splat_of(cloud((0, 0, 5)))
    views = trajectory("orbit", gaussians, frames=36)
    depths = depth_range(gaussians, source_view(gaussians))
    eyes = eyes_of(views)
    radius = 0.08 * (640**2 + 427**2) ** 0.5 / 550 * depths.near
    torch.testing.assert_close(eyes[:, :2].norm(dim=1), torch.full((36,), radius).double(), rtol=1e-5, atol=0)
    torch.testing.assert_close(eyes.mean(0), torch.zeros(3).double(), atol=1e-6, rtol=0)
    pixels = seen_at(views, torch.tensor([[0, 0, depths.focus]]))
    torch.testing.assert_close(pixels[:, 0], torch.tensor([320.0, 213.5]).double().expand(36, 2), atol=1e-3, rtol=0)


def test_the_nearest_content_moves_by_max_disparity() -> None:
    gaussians = splat_of(cloud((0, 0, 5)))
    near = depth_range(gaussians, source_view(gaussians)).near
    for name in ("orbit", "swipe"):
        views = trajectory(name, gaussians, frames=36, max_disparity=0.05, look_at="ahead")
        x = seen_at(views, torch.tensor([[0, 0, near]]))[:, 0, 0]
        moved = (x.max() - x.min()) / 2 / (640**2 + 427**2) ** 0.5
        assert moved == pytest.approx(0.05, rel=0.02)


def test_near_and_far_content_move_equally_around_the_focus_point() -> None:
    near, far = torch.tensor([[0.0, 0.0, 2.0]]).repeat(50, 1), torch.tensor([[0.0, 0.0, 60.0]]).repeat(50, 1)
    views = trajectory("orbit", splat_of(torch.cat([near, far])), frames=36)
    moved = seen_at(views, torch.tensor([[0, 0, 2.0], [0, 0, 60.0]]))[..., 0] - views.width / 2
    torch.testing.assert_close(moved[:, 0], -moved[:, 1], rtol=0.02, atol=0.1)
    assert moved[:, 0].abs().max() > 20


def test_dolly_goes_straight_forward_and_back() -> None:
    gaussians = splat_of(cloud((0, 0, 5)))
    views = trajectory("dolly", gaussians, frames=10, max_zoom=0.3)
    eyes = eyes_of(views)
    near = depth_range(gaussians, source_view(gaussians)).near
    assert eyes[5, 2] == pytest.approx(0.3 * near, rel=1e-5)
    assert eyes[0, 2] == 0
    torch.testing.assert_close(eyes[1:5, 2], eyes[6:, 2].flip(0), rtol=1e-5, atol=1e-6)
    assert not eyes[:, :2].any()
    torch.testing.assert_close(views.viewmats[:, :3, :3], torch.eye(3).repeat(10, 1, 1))


@pytest.mark.parametrize("name", get_args(Trajectory))
def test_size_changes_the_picture_but_not_the_path(name: Trajectory) -> None:
    gaussians = splat_of(cloud((0, 0, 5)))
    default, small = (trajectory(name, gaussians, size=size) for size in (None, (300, 300)))
    torch.testing.assert_close(default.viewmats, small.viewmats)
    assert (small.width, small.height) == (300, 300)
    assert small.Ks[0].flatten().tolist() == pytest.approx([550 * 300 / 640, 0, 150, 0, 550 * 300 / 640, 150, 0, 0, 1])


@settings(max_examples=30)
@given(st.sampled_from(["orbit", "dolly", "rotate"]), st.floats(-6, 6))
def test_our_paths_work_in_any_unit(name: Trajectory, exponent: float) -> None:
    unit = 10.0**exponent
    for camera, center in ((PHOTO, (0.0, 0.0, 5.0)), (None, (1.0, 2.0, -3.0))):
        meters = trajectory(name, splat_of(cloud(center), camera), frames=8, look_at="ahead")
        other = trajectory(name, splat_of(cloud(center) * unit, camera, scale=0.01 * unit), frames=8, look_at="ahead")
        torch.testing.assert_close(eyes_of(other), eyes_of(meters) * unit, rtol=1e-4, atol=1e-4 * unit)


@pytest.mark.parametrize("name", get_args(Trajectory))
@pytest.mark.parametrize("camera", [PHOTO, None])
@pytest.mark.parametrize(
    "means",
    [
        torch.zeros(0, 3),
        torch.zeros(1, 3),
        torch.tensor([[0.0, 0.0, -4.0]]),
        torch.full((2, 3), float("nan")),
        torch.tensor([[0.0, 0.0, 4.0]]).repeat(9, 1),
    ],
    ids=["empty", "at the origin", "behind", "not finite", "one place"],
)
@pytest.mark.parametrize("scale", [0.0, 0.01])
def test_degenerate_scenes_give_finite_views(
    name: Trajectory, camera: Camera | None, means: Tensor, scale: float
) -> None:
    views = trajectory(name, splat_of(means, camera, scale), frames=4)
    assert len(views) == 4
    assert views.viewmats.isfinite().all()
    assert views.Ks.isfinite().all()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "loop"}, "unknown trajectory: loop .choose orbit, dolly"),
        ({"look_at": "away"}, "unknown look_at: away .choose point, ahead"),
        ({"frames": 0}, "at least one frame"),
        ({"repeat": 0}, "at least one frame and one repeat"),
        ({"max_disparity": -0.1}, "max_disparity must lie between 0 and 10"),
        ({"max_disparity": float("nan")}, "max_disparity"),
        ({"max_zoom": 1.0}, "max_zoom must be at least 0 and below 1"),
        ({"size": 1}, "too small"),
    ],
)
def test_wrong_use_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    arguments = {"name": "orbit", "gaussians": splat_of(cloud((0, 0, 5))), **wrong}
    with pytest.raises(SharpError, match=sentence):
        trajectory(**arguments)


def test_the_widest_path_still_looks_at_the_scene() -> None:
    for name in get_args(Trajectory):
        views = trajectory(name, splat_of(cloud((0, 0, 5))), max_disparity=10.0, max_zoom=0.999)
        assert views.viewmats.isfinite().all()


def test_a_warning_beyond_the_safe_range() -> None:
    assert range_warning(0.08, 0.15) is None
    assert range_warning(0.0, 0.0) is None
    for exceeded in ((0.081, 0.0), (0.0, 0.2), (1.0, 0.9)):
        warning = range_warning(*exceeded)
        assert warning is not None
        assert "0.08" in warning
        assert "0.15" in warning
