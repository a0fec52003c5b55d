"""Losses on depth and on the adjustment map: against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sharp_cli.training.losses.adjustment import scale_gradient_loss, scale_loss
from sharp_cli.training.losses.depth import depth_loss, grad_loss, gradient_length, tv_loss


def layers(first: list[list[float]], second: list[list[float]]) -> torch.Tensor:
    """(1, 2, H, W) depth with these disparities."""
    return 1.0 / torch.tensor([[first, second]], dtype=torch.float64)


FLAT = [[1.0, 1.0], [1.0, 1.0]]


def test_depth_compares_disparities_of_the_first_layer() -> None:
    depth = layers([[1.0, 0.5], [0.25, 2.0]], [[9.0, 9.0], [9.0, 9.0]])
    true = torch.tensor([2.0, 2.0, torch.inf, 1.0], dtype=torch.float64).view(1, 1, 2, 2)
    # abs(1 − 0.5), 0, abs(0.25 − 0) and abs(2 − 1): 1.75 over four
    assert depth_loss(depth, true).item() == pytest.approx(0.4375)


def test_depth_leaves_out_pixels_without_a_true_depth() -> None:
    depth = layers([[1.0, 0.5], [0.25, 2.0]], FLAT).requires_grad_()
    true = torch.tensor([2.0, 0.0, torch.nan, -3.0], dtype=torch.float64).view(1, 1, 2, 2)
    loss = depth_loss(depth, true)
    loss.backward()
    assert loss.item() == pytest.approx(0.5)
    assert depth.grad is not None
    # d/dz of abs(1/z − 0.5) at z = 1 is −1
    assert depth.grad[0, 0].flatten().tolist() == pytest.approx([-1, 0, 0, 0])


def test_tv_is_on_the_second_layer() -> None:
    depth = layers([[5.0, 1.0], [2.0, 7.0]], [[1.0, 1.5], [3.0, 2.0]])
    # across: 0.5 and 1, mean 0.75; down: 2 and 0.5, mean 1.25
    assert tv_loss(depth).item() == pytest.approx(2.0)


def test_gradient_length_is_central_inside_and_one_sided_at_edges() -> None:
    values = torch.tensor([[0.0, 3.0, 4.0], [4.0, 7.0, 8.0]]).view(1, 1, 2, 3)
    # across: 3, 2, 1 in both rows; down: 4 everywhere
    expected = [[5.0, math.sqrt(20), math.sqrt(17)]] * 2
    assert gradient_length(values)[0, 0].tolist() == [pytest.approx(row) for row in expected]


def step(disparity_step: float) -> list[list[float]]:
    """Disparities (4, 4) with a step between the second and third column."""
    return [[1.0, 1.0, 1.0 + disparity_step, 1.0 + disparity_step]] * 4


def test_grad_fades_gaussians_on_disparity_edges() -> None:
    flat = [[1.0] * 4] * 4
    depth = layers(step(0.08), flat)
    opacities = torch.tensor([[0.5, 1.0, 0.5, 1.0, 0.9, 0.9, 0.9, 0.9]], dtype=torch.float64)
    # Central differences across are 0, 0.04, 0.04, 0, so 0.02 at each of the four positions of the first layer:
    # 1 − exp(−(0.02 − 0.01) / 0.01) = 0.6321206, times opacities of 3 in all, over eight Gaussians.
    assert grad_loss(opacities, depth).item() == pytest.approx(0.2370452, abs=1e-6)
    # Both layers by the first layer's edges: opacities of 6.6 in all.
    assert grad_loss(opacities, depth, layer="first").item() == pytest.approx(0.5214995, abs=1e-6)
    # Per half picture, 2 px, the gradient is 0.04: 1 − exp(−3) = 0.9502129.
    assert grad_loss(opacities, depth, unit="ndc").item() == pytest.approx(0.3563298, abs=1e-6)


def test_grad_spares_surfaces_below_the_threshold() -> None:
    depth = layers(step(0.039), step(-0.039)).requires_grad_()
    opacities = torch.rand(1, 8, dtype=torch.float64, requires_grad=True)
    loss = grad_loss(opacities, depth)
    loss.backward()
    assert loss.item() == 0
    for leaf in (depth, opacities):
        assert leaf.grad is not None
        assert not leaf.grad.any()


def test_scale_is_the_mean_distance_from_one() -> None:
    assert scale_loss(torch.tensor([1.0, 1.5, 0.25, 1.0]).view(1, 1, 2, 2)).item() == pytest.approx(0.3125)


def test_scale_gradient_adds_up_the_levels() -> None:
    # 2 × 2 means of the 8 × 8 map: columns 0, 1, 2, 3 → neighbors differ by 1. 4 × 4 means: 0.5 and 2.5 → by 2.
    # Level 3 is a single pixel. Down the columns nothing changes.
    ramp = torch.tensor([0.0, 0, 1, 1, 2, 2, 3, 3]).expand(1, 1, 8, 8)
    assert scale_gradient_loss(ramp).item() == pytest.approx(3.0)
    # At full size there is structure of 1 px only, and no level sees it: k starts at 1.
    stripes = torch.tensor([0.0, 1.0] * 4).expand(1, 1, 8, 8)
    assert scale_gradient_loss(stripes).item() == 0


def test_scale_gradient_has_six_levels() -> None:
    # A ramp of 1 per pixel has steps of 2^k at level k: 2 + 4 + … + 64 = 126, and no seventh level of 128.
    ramp = torch.arange(256.0, dtype=torch.float64).expand(1, 1, 256, 256)
    assert scale_gradient_loss(ramp).item() == pytest.approx(126.0)


def test_no_surface_is_flat_enough_for_a_gradient_that_is_not_finite() -> None:
    depth = torch.ones(1, 2, 4, 4, requires_grad=True)
    adjustment = torch.ones(1, 1, 8, 8, requires_grad=True)
    opacities = torch.full((1, 8), 0.5)
    loss = tv_loss(depth) + grad_loss(opacities, depth, unit="ndc") + depth_loss(depth, torch.ones(1, 1, 4, 4))
    (loss + scale_loss(adjustment) + scale_gradient_loss(adjustment)).backward()
    for leaf in (depth, adjustment):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()


def test_gradients_are_those_of_finite_differences() -> None:
    draw = torch.Generator().manual_seed(3)
    depth = (1 + 3 * torch.rand(1, 2, 4, 4, generator=draw, dtype=torch.float64)).requires_grad_()
    true = 1 + 3 * torch.rand(1, 1, 4, 4, generator=draw, dtype=torch.float64)
    opacities = torch.rand(1, 8, generator=draw, dtype=torch.float64, requires_grad=True)
    adjustment = (0.5 + torch.rand(1, 1, 4, 4, generator=draw, dtype=torch.float64)).requires_grad_()
    check = torch.autograd.gradcheck
    assert check(lambda d: depth_loss(d, true), depth)
    assert check(tv_loss, depth)
    # Far above the threshold exp(−x / 0.01) underflows; here the differences are a few hundredths.
    assert check(lambda o, d: grad_loss(o, 1 / (0.5 + 0.02 * d)), (opacities, depth))
    assert check(scale_loss, adjustment)
    assert check(scale_gradient_loss, adjustment)
