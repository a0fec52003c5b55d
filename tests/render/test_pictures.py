"""Rendered floats → pixels, checked against the curves in double precision, and depth as colors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from sharp_cli.gaussians.color import linear_to_srgb, srgb_to_linear
from sharp_cli.render.depth_colors import ColorLimits, color_limits, depth_colors, to_depth_colors
from sharp_cli.render.pictures import side_by_side, to_depth16, to_rgba8, to_srgb8


def rounded(linear: torch.Tensor) -> np.ndarray:
    """The nearest codes of the curve in double precision, halves rounded up."""
    return np.floor(linear_to_srgb(linear.double().clamp(0, 1)).numpy() * 255 + 0.5).astype(np.uint8)


def test_every_code_comes_back() -> None:
    codes = torch.arange(256).repeat(3, 1).T.reshape(16, 16, 3)
    assert (to_srgb8(srgb_to_linear(codes / 255)) == codes.numpy()).all()


def test_codes_are_the_curve_rounded_exactly() -> None:
    spread = torch.linspace(-0.1, 1.1, 400_000)
    middles = srgb_to_linear((torch.arange(255, dtype=torch.float64) + 0.5) / 255).float()
    below, above = (torch.nextafter(middles, torch.tensor(end)) for end in (-1.0, 2.0))
    values = torch.cat([spread, middles, below, above])
    values = values[: len(values) // 3 * 3].reshape(1, -1, 3)
    assert (to_srgb8(values) == rounded(values)).all()


def test_values_beyond_the_range_are_clamped() -> None:
    color = torch.tensor([[[-1.0, 0.0, 1.0], [7.0, math.inf, -math.inf], [math.nan, 1e-30, 0.9999999]]])
    assert to_srgb8(color).tolist() == [[[0, 0, 255], [255, 255, 0], [0, 0, 255]]]


def test_images_may_be_views_of_a_larger_tensor() -> None:
    color = torch.rand(2, 8, 6, 4, generator=torch.Generator().manual_seed(0))
    assert (to_srgb8(color[1, ..., :3]) == rounded(color[1, ..., :3])).all()
    assert (to_srgb8(color[1, ..., :3].requires_grad_()) == rounded(color[1, ..., :3])).all()


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), st.floats(2**-6, 1, width=32))
@example([0.0, 0.0, 0.0], 0.699999988079071)
def test_straight_alpha_gives_the_color_back(color: list[float], alpha: float) -> None:
    true = torch.tensor(color)
    pixel = to_rgba8((true * alpha)[None, None], torch.tensor([[alpha]]))[0, 0]
    assert pixel[3] == math.floor(alpha * 255 + 0.5)
    assert np.abs(pixel[:3].astype(int) - rounded(true)).max() <= 1  # the division rounds, the code may tip over


def test_transparent_pixels_have_no_color() -> None:
    color, alpha = torch.full((1, 3, 3), 1e-3), torch.tensor([[0.0, 1.9e-3, 2e-3]])
    assert to_rgba8(color, alpha)[0, :, 3].tolist() == [0, 0, 1]
    assert to_rgba8(color, alpha)[0, :2, :3].max() == 0


def test_alpha_must_fit_the_image() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        to_rgba8(torch.zeros(4, 5, 3), torch.zeros(5, 4))


def test_depth_is_in_millimeters_and_0_if_empty() -> None:
    depth = torch.tensor([[1.2344, 1.2346, 0.0001, 65.534, 70.0, 0.0, 3.0]])
    alpha = torch.tensor([[1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 0.49]])
    pixels = to_depth16(depth, alpha)
    assert pixels.dtype == np.uint16
    assert pixels.tolist() == [[1234, 1235, 1, 65534, 65535, 0, 0]]


def test_the_left_image_is_on_the_left() -> None:
    left, right = np.zeros((2, 3, 3), np.uint8), np.ones((2, 3, 3), np.uint8)
    pair = side_by_side(left, right)
    assert pair.shape == (2, 6, 3)
    assert (pair[:, :3] == left).all() and (pair[:, 3:] == right).all()
    with pytest.raises(ValueError, match="side by side"):
        side_by_side(left, right[:1])


def lab(srgb: np.ndarray) -> np.ndarray:
    """sRGB → OKLab, by the matrices of its definition (the code under test has the inverse)."""
    linear = srgb_to_linear(torch.from_numpy(srgb)).numpy()
    lms = (
        linear
        @ np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        ).T
    )
    return (
        np.cbrt(lms)
        @ np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        ).T
    )


def test_depth_colors_are_evenly_spaced_and_within_srgb() -> None:
    colors = depth_colors()
    assert colors.min() >= 0 and colors.max() <= 1
    steps = np.diff(lab(colors), axis=0)
    assert np.ptp(steps[:, 0]) < 1e-5  # lightness rises evenly
    distances = np.linalg.norm(steps, axis=1)
    assert distances.max() < 1.15 * distances.min()
    assert lab(colors)[0, 0] > 0.15  # the farthest is no black


def test_near_is_bright_and_empty_is_black() -> None:
    limits = ColorLimits(1.0, 4.0)
    depth = torch.tensor([[0.5, 1.0, 1.6, 4.0, 9.0, 1.0, 0.0]])
    alpha = torch.tensor([[1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 1.0]])
    pixels = to_depth_colors(depth, alpha, limits)[0]
    codes = np.rint(255 * depth_colors()).astype(np.uint8)
    assert (pixels[:2] == codes[255]).all()
    assert (pixels[2] == codes[round(255 * (1 / 1.6 - 1 / 4) / (1 - 1 / 4))]).all()
    assert (pixels[3:5] == codes[0]).all()
    assert (pixels[5:] == 0).all()


def test_the_range_drops_the_outermost_depths_and_empty_pixels() -> None:
    depths = torch.cat([torch.linspace(1, 101, 10_001), torch.tensor([0.0, -3.0, math.nan, math.inf]).repeat(1000)])
    limits = color_limits(depths.reshape(-1, 1))
    assert limits == pytest.approx((2.0, 100.0), abs=0.02)


@pytest.mark.parametrize("depths", [torch.full((9,), 2.0), torch.zeros(4), torch.empty(0)])
def test_a_range_has_two_ends_whatever_the_depths(depths: torch.Tensor) -> None:
    limits = color_limits(depths)
    assert 0 < limits.near < limits.far
    to_depth_colors(depths[None], torch.ones(1, len(depths)), limits)


def test_the_range_of_millions_of_depths_is_that_of_a_sample() -> None:
    many = torch.linspace(1, 101, 3_000_000)
    assert color_limits(many) == pytest.approx((2.0, 100.0), abs=0.02)
