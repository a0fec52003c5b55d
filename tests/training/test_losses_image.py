"""Losses on pictures, and which pixels they count: against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharp_cli.metrics.visibility import visibility_mask
from sharp_cli.training.losses.image import alpha_loss, color_loss, fill_masked


def test_color_is_the_mean_absolute_difference() -> None:
    rendered = torch.tensor([0.5, 0.25, 1.0, 0.0, 0.0, 0.75]).view(1, 3, 1, 2)
    target = torch.tensor([0.25, 0.25, 0.5, 0.5, 0.0, 0.0]).view(1, 3, 1, 2)
    # 0.25 + 0 + 0.5 + 0.5 + 0 + 0.75 = 2, over six values
    assert color_loss(rendered, target).item() == pytest.approx(0.3333333)
    # the first pixel alone has 0.25, 0.5 and 0 in its three channels
    left = torch.tensor([True, False]).view(1, 1, 1, 2)
    assert color_loss(rendered, target, left).item() == pytest.approx(0.25)


def test_images_weigh_the_same_whatever_their_masks() -> None:
    rendered = torch.zeros(2, 3, 1, 4)
    target = torch.stack([torch.full((3, 1, 4), 0.2), torch.full((3, 1, 4), 0.6)])
    mask = torch.tensor([[1, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.bool).view(2, 1, 1, 4)
    assert color_loss(rendered, target, mask).item() == pytest.approx(0.4)


def test_an_image_with_an_empty_mask_adds_nothing() -> None:
    rendered = torch.rand(1, 3, 4, 4, requires_grad=True)
    loss = color_loss(rendered, torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert rendered.grad is not None
    assert not rendered.grad.any()


def test_alpha_is_minus_its_logarithm() -> None:
    alpha = torch.tensor([1.0, math.exp(-1), math.exp(-3), 1 / 255]).view(1, 1, 2, 2)
    # 0, 1, 3 and ln 255 = 5.5413
    assert alpha_loss(alpha).item() == pytest.approx(2.385316, abs=1e-5)
    upper = torch.tensor([1, 1, 0, 0]).view(1, 1, 2, 2)
    assert alpha_loss(alpha, upper).item() == pytest.approx(0.5)


def test_alpha_has_a_finite_value_and_gradient_everywhere() -> None:
    alpha = torch.tensor([0.0, 1e-30, 1 / 255, 0.5, 0.999, 1.0, 1.0 + 1e-6]).view(1, 1, 1, 7).requires_grad_()
    loss = alpha_loss(alpha)
    loss.backward()
    assert loss.isfinite()
    assert alpha.grad is not None
    gradient = alpha.grad.flatten() * 7
    assert gradient.isfinite().all()
    assert gradient[3].item() == pytest.approx(-2.0)
    assert gradient[4].item() == pytest.approx(-1.001001)
    assert gradient[0].item() == 0


def test_image_losses_have_the_gradients_of_finite_differences() -> None:
    draw = torch.Generator().manual_seed(0)
    rendered = torch.rand(2, 3, 3, 2, generator=draw, dtype=torch.float64, requires_grad=True)
    target = torch.rand(2, 3, 3, 2, generator=draw, dtype=torch.float64)
    mask = torch.rand(2, 1, 3, 2, generator=draw) < 0.6
    assert torch.autograd.gradcheck(lambda x: color_loss(x, target, mask), rendered)
    alpha = (0.1 + 0.8 * torch.rand(2, 1, 3, 2, generator=draw, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: alpha_loss(x, mask), alpha)


def test_masked_pixels_become_the_true_ones_and_get_no_gradient() -> None:
    rendered = torch.full((1, 3, 1, 2), 0.5, requires_grad=True)
    target = torch.zeros(1, 3, 1, 2)
    filled = fill_masked(rendered, target, torch.tensor([1, 0]).view(1, 1, 1, 2))
    assert filled[0, :, 0].tolist() == [[0.5, 0.0]] * 3
    filled.sum().backward()
    assert rendered.grad is not None
    assert rendered.grad[0, :, 0].tolist() == [[1.0, 0.0]] * 3


SIZE = 200
K = torch.tensor([[100.0, 0, 100], [0, 100, 100], [0, 0, 1]])[None]  # 90°: x/z = ±1 at the edges


def moved(x: float = 0.0, z: float = 0.0) -> torch.Tensor:
    """World-to-camera of a camera at (x, 0, z), looking along z."""
    viewmat = torch.eye(4)[None].clone()
    viewmat[0, 0, 3], viewmat[0, 2, 3] = -x, -z
    return viewmat


def see(depth: torch.Tensor, novel: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    return visibility_mask(depth, novel, K, source, K, SIZE, SIZE)


def test_every_pixel_of_the_input_view_itself_is_visible() -> None:
    assert see(torch.full((1, 1, SIZE, SIZE), 3.0), moved(), moved()).all()


def test_a_camera_to_the_right_sees_what_the_input_view_does_not() -> None:
    # At depth 2 the novel pixel u, with x/z = (u − 100) / 100, lies at x = 0.5 + 2 (u − 100) / 100 before the input
    # camera, so at x/z = 0.25 + (u − 100) / 100 there: at most 1.05 for u ≤ 180. Pixel centers are at halves.
    mask = see(torch.full((1, 1, SIZE, SIZE), 2.0), moved(x=0.5), moved())
    assert mask[0, 0, 7].tolist() == [True] * 180 + [False] * 20
    assert (mask == mask[:, :, :1]).all()


def test_infinitely_far_pixels_are_judged_by_direction_and_unknown_ones_do_not_count() -> None:
    depth = torch.full((1, 1, SIZE, SIZE), torch.inf)
    assert see(depth, moved(x=5.0, z=3.0), moved()).all()
    depth[..., :2, 0] = torch.tensor([0.0, torch.nan])
    depth[..., 2, 0] = -1.0
    mask = see(depth, moved(), moved())
    assert mask[0, 0, :3, 0].tolist() == [False] * 3
    assert mask.sum() == SIZE * SIZE - 3


def test_points_behind_the_input_camera_do_not_count() -> None:
    assert not see(torch.full((1, 1, SIZE, SIZE), 1.0), moved(), moved(z=2.0)).any()


@settings(max_examples=25)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.5, 20), st.integers(0, 19), st.integers(0, 19))
def test_a_pixel_counts_exactly_where_its_point_projects_into_the_margin(
    x: float, angle: float, depth: float, row: int, column: int
) -> None:
    c, s = math.cos(angle), math.sin(angle)
    novel = torch.tensor([[c, 0, s, -x], [0, 1, 0, 0.2], [-s, 0, c, 0.3], [0, 0, 0, 1]], dtype=torch.float64)
    intrinsics = torch.tensor([[15.0, 0, 9], [0, 14, 11], [0, 0, 1]], dtype=torch.float64)
    maps = torch.full((1, 1, 20, 20), depth, dtype=torch.float64)
    identity = torch.eye(4, dtype=torch.float64)
    mask = visibility_mask(maps, novel[None], intrinsics[None], identity[None], intrinsics[None], 20, 20)

    a, b = (column + 0.5 - 9) / 15 * depth + x, (row + 0.5 - 11) / 14 * depth - 0.2
    point_x, point_z = c * a - s * (depth - 0.3), s * a + c * (depth - 0.3)
    u, v = 15 * point_x / point_z + 9, 14 * b / point_z + 11
    ndc = max(abs(u / 10 - 1), abs(v / 10 - 1))
    if abs(ndc - 1.05) > 1e-9 and abs(point_z) > 1e-9:
        assert mask[0, 0, row, column].item() == (point_z > 0 and ndc < 1.05)
