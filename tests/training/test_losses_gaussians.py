"""Losses on Gaussians: against values worked out by hand, and the projection against the rasterizer's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sharp_cli.gaussians.covariance import covariances
from sharp_cli.render.backends.cpu.projection import _covariance_2d, _image_axes, camera_arrays
from sharp_cli.training.losses.gaussians import (
    delta_loss,
    ndc_intrinsics,
    principal_variances,
    projected_covariances,
    splat_loss,
)

IDENTITY = torch.eye(4)[None]
K = torch.tensor([[100.0, 0, 50], [0, 100, 50], [0, 0, 1]])[None]


def test_delta_charges_offsets_beyond_400_in_x_and_y_only() -> None:
    delta = torch.zeros(1, 14, 2, 1, 2)
    delta[0, 0, 0, 0] = torch.tensor([410.0, -450.0])
    delta[0, 1, 1, 0] = torch.tensor([400.0, -402.0])
    delta[0, 2:] = 1e6
    # 10 + 50 + 0 + 2 over four Gaussians
    assert delta_loss(delta).item() == pytest.approx(15.5)


def test_splat_charges_the_larger_variance_above_and_the_smaller_below() -> None:
    # Straight ahead at z = 2, a meter is 50 px: variances of (0.3 m)² are 225 px², of (0.1 m)² 25, of (0.004 m)² 0.04.
    means = torch.tensor([[[0.0, 0, 2]] * 3])
    variances = torch.tensor([[0.09, 0.01, 5.0], [0.01, 0.01, 5.0], [0.01, 0.000016, 5.0]])
    loss = splat_loss(means, torch.diag_embed(variances)[None], IDENTITY, K, 100, 100)
    # 125 for the first, 0 for the second, 0.06 for the third
    assert loss.item() == pytest.approx(125.06 / 3, rel=1e-5)


def test_splat_ignores_gaussians_that_are_not_rendered() -> None:
    means = torch.tensor([[[0.0, 0, -1], [0, 0, 0.005], [0, 0, 1]]]).requires_grad_()
    covars = (torch.eye(3) * 0.01).expand(1, 3, 3, 3).clone().requires_grad_()
    loss = splat_loss(means, covars, IDENTITY, K, 100, 100)
    loss.backward()
    assert loss.item() == pytest.approx(0.0)  # 100 px², exactly the bound
    for leaf in (means, covars):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
        assert not leaf.grad[:, :2].any()


def test_principal_variances_of_a_turned_ellipse() -> None:
    # [[2, 1], [1, 2]] has eigenvalues 1 and 3; a circle has one twice, and still a gradient
    small, large = principal_variances(*(torch.tensor([v]) for v in (2.0, 1.0, 2.0)))
    assert (small.item(), large.item()) == pytest.approx((1.0, 3.0))
    entries = [torch.tensor([v], requires_grad=True) for v in (4.0, 0.0, 4.0)]
    sum(principal_variances(*entries)).backward()
    assert [entry.grad.item() for entry in entries] == pytest.approx([1.0, 0.0, 1.0])


def random_scene(count: int = 40) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Means (some far outside the picture), scales and quaternions of float64."""
    draw = torch.Generator().manual_seed(5)
    means = torch.randn(count, 3, generator=draw, dtype=torch.float64) * torch.tensor([3.0, 3.0, 0.5])
    means[:, 2] += 3.0
    scales = torch.exp(torch.randn(count, 3, generator=draw, dtype=torch.float64) - 2)
    return means, scales, torch.randn(count, 4, generator=draw, dtype=torch.float64)


def turned_camera() -> tuple[torch.Tensor, torch.Tensor]:
    c, s = math.cos(0.3), math.sin(0.3)
    viewmat = [[c, 0, s, 0.1], [0, 1, 0, -0.2], [-s, 0, c, 0.4], [0, 0, 0, 1]]
    intrinsics = [[80.0, 0, 40], [0, 90.0, 25], [0, 0, 1]]
    return torch.tensor(viewmat, dtype=torch.float64), torch.tensor(intrinsics, dtype=torch.float64)


def test_the_projection_is_the_rasterizers() -> None:
    means, scales, quats = random_scene()
    covars = covariances(scales, quats)
    viewmat, intrinsics = turned_camera()
    found = torch.stack(projected_covariances(means[None], covars[None], viewmat[None], intrinsics[None], 90, 60))

    view = camera_arrays(viewmat, intrinsics, 90, 60, eps2d=0.0, near=0.01, far=1e10)
    axes, spread = np.empty((2, 3)), np.empty((2, 3))
    for i, mean in enumerate(means):
        x, y, z = (viewmat[:3, :3] @ mean + viewmat[:3, 3]).tolist()
        _image_axes(x / z, y / z, z, view, axes)
        expected = _covariance_2d(covars.numpy(), i, axes, 0.0, spread)
        assert found[:, 0, i].tolist() == pytest.approx(expected, rel=1e-9)


def test_the_normalized_space_gives_the_same_picture_as_camera_space() -> None:
    means, scales, quats = random_scene()
    covars = covariances(scales, quats)
    width, height, focal = 90, 60, 70.0
    matrix = torch.diag(torch.tensor([width / 2 / focal, height / 2 / focal, 1.0], dtype=torch.float64))
    camera = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=torch.float64)
    identity = torch.eye(4, dtype=torch.float64)[None]
    here = splat_loss((means @ matrix)[None], (matrix @ covars @ matrix)[None], identity, camera[None], width, height)
    there = splat_loss(means[None], covars[None], identity, ndc_intrinsics(width, height, means)[None], width, height)
    assert here.item() > 1
    assert there.item() == pytest.approx(here.item(), rel=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    means, scales, quats = random_scene(6)
    viewmat, intrinsics = turned_camera()

    def loss(means: torch.Tensor, scales: torch.Tensor, quats: torch.Tensor) -> torch.Tensor:
        covars = covariances(scales, quats)
        return splat_loss(means[None], covars[None], viewmat[None], intrinsics[None], 90, 60) / 100

    leaves = [leaf.requires_grad_() for leaf in (means, scales, quats)]
    assert loss(*leaves) > 0
    assert torch.autograd.gradcheck(loss, leaves)
    delta = (800 * torch.rand(1, 14, 2, 2, 2, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(delta_loss, delta)
