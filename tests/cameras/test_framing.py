"""Splats without a camera: from where they are seen."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch
from camera_paths import cloud, eyes_of, seen_at, splat_of

from sharp_cli import SharpError
from sharp_cli.cameras.framing import DEFAULT_CAMERA, source_view
from sharp_cli.cameras.trajectories import trajectory
from sharp_cli.gaussians.axes import Up


@pytest.mark.parametrize("center", [(0.0, 0.0, 0.0), (40.0, -7.0, 3.0), (0.0, 0.0, -90.0), (0.0, 0.0, 500.0)])
@pytest.mark.parametrize("extent", [1e-3, 1.0, 30.0])
def test_a_splat_without_a_camera_is_framed(center: tuple[float, float, float], extent: float) -> None:
    means = cloud(center, extent)
    views = trajectory("still", splat_of(means, None, scale=extent / 100), frames=1)
    pixels = seen_at(views, means.float())[0]
    assert ((pixels >= 0) & (pixels <= torch.tensor([640, 480]))).all()
    assert (pixels.amax(0) - pixels.amin(0)).max() > 480 / 2


def test_strays_and_faint_floaters_do_not_push_the_camera_away() -> None:
    means = cloud((0, 0, 0))
    plain = source_view(splat_of(means, None)).viewmat
    strays = torch.tensor([[5000.0, 0.0, 0.0], [0.0, 0.0, -9000.0], [float("nan"), 0.0, 0.0]])
    with_strays = source_view(splat_of(torch.cat([means, strays]), None)).viewmat
    torch.testing.assert_close(with_strays, plain, atol=0.1, rtol=0)
    solid = splat_of(torch.cat([means, cloud((0, 0, -50), 40.0)]), None)
    both = replace(solid, opacities=torch.tensor([1.0, 0.02]).repeat_interleave(len(means)))
    torch.testing.assert_close(source_view(both).viewmat, plain)


def test_a_scene_in_front_of_the_origin_is_seen_from_there() -> None:
    # What the predictor writes, without the photo's camera: everything lies in a cone from the origin.
    rays = torch.cat([cloud((0, 0, 0))[:, :2] * torch.tensor([0.6, 0.45]), torch.ones(400, 1)], dim=1)
    depths = torch.linspace(1, 50, 400)[:, None]
    source = source_view(splat_of(rays * depths, None))
    assert source.camera == DEFAULT_CAMERA
    assert torch.equal(source.viewmat, torch.eye(4).double())
    elsewhere = source_view(splat_of(rays * depths + torch.tensor([0, 0, -60.0]), None))
    assert elsewhere.viewmat[2, 3] > 60


@pytest.mark.parametrize("up", get_args(Up))
def test_the_up_axis_points_up_in_the_picture(up: Up) -> None:
    means = cloud((40, -7, 3))
    axis = torch.zeros(3)
    axis["xyz".index(up[-1])] = -1.0 if up.startswith("-") else 1.0
    for gaussians, chosen in ((splat_of(means, None), up), (replace(splat_of(means, None), up=up), None)):
        views = trajectory("still", gaussians, frames=1, up=chosen)
        pixels = seen_at(views, torch.stack([means.mean(0), means.mean(0) + 0.5 * axis]))[0]
        assert pixels[0].tolist() == pytest.approx([320, 240], abs=10)
        assert pixels[1, 0] == pytest.approx(pixels[0, 0].item(), abs=1e-3)
        assert pixels[1, 1] < pixels[0, 1] - 20
        assert torch.linalg.det(views.viewmats[0]) == pytest.approx(1)
    asked = trajectory("still", replace(splat_of(means, None), up="y"), frames=1, up=up)
    torch.testing.assert_close(asked.viewmats, views.viewmats)
    with_camera = trajectory("still", splat_of(means), frames=1, up=up)
    torch.testing.assert_close(with_camera.viewmats, torch.eye(4)[None])


def test_an_unknown_up_axis_is_refused() -> None:
    with pytest.raises(SharpError, match="unknown up axis: w"):
        source_view(splat_of(cloud((0, 0, 9)), None), "w")  # type: ignore[arg-type]


def test_paths_go_around_the_framing_view() -> None:
    gaussians = splat_of(cloud((40, -7, 3)), None)
    start = torch.linalg.inv(source_view(gaussians).viewmat)[:3, 3]
    for name in ("orbit", "rotate"):
        eyes = eyes_of(trajectory(name, gaussians, frames=24))
        torch.testing.assert_close(eyes.mean(0), start, atol=1e-3, rtol=0)
        assert (eyes - start).norm(dim=1).min() > 0.01
    assert eyes_of(trajectory("dolly", gaussians, frames=24))[:, 2].max() > start[2]
