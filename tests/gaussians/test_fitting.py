"""Fewer Gaussians, parts of a scene, nothing invisible."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from splats import grid_splat, hostile_splat, random_splat

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.covariance import covariances
from sharp_cli.gaussians.fit import Fit
from sharp_cli.gaussians.fitting import (
    crop_box,
    crop_depth,
    crop_distance,
    drop_not_finite,
    drop_transparent,
    fit,
    grid_side,
    importance,
    keep,
    merge_blocks,
    reduce_count,
)


def test_a_merged_wall_keeps_its_moments() -> None:
    wall = grid_splat(8)
    merged = merge_blocks(wall, 8, 32)
    assert len(merged) == 32 and merged.camera == wall.camera
    block = torch.tensor([0, 1, 8, 9])
    mean = wall.means[block].mean(dim=0)
    torch.testing.assert_close(merged.means[0], mean)
    apart = wall.means[block] - mean
    covar = (covariances(wall.scales, wall.quats)[block] + apart[:, :, None] * apart[:, None]).mean(dim=0)
    torch.testing.assert_close(covariances(merged.scales, merged.quats)[0], covar, atol=1e-7, rtol=1e-4)
    torch.testing.assert_close(merged.colors[0], wall.colors[block].mean(dim=0))


@pytest.mark.parametrize("most", [512, 500, 200, 128, 100, 20, 1])
def test_reducing_keeps_no_more_than_asked(most: int) -> None:
    wall = grid_splat(16)
    reduced = reduce_count(wall, most)
    assert 0.99 * most - 3 < len(reduced) <= most or len(reduced) == 512


def test_reducing_merges_what_is_alike_first() -> None:
    wall = grid_splat(16)
    wall.colors[:256:3] = 1.0  # the front becomes busy; the gray wall behind is alike everywhere
    reduced = reduce_count(wall, 512 - 3 * 64)
    assert len(reduced) == 320
    assert int((reduced.means[:, 2] < 2.5).sum()) == 256


def test_without_a_grid_the_least_important_go() -> None:
    splat = random_splat(100)
    reduced = reduce_count(splat, 30)
    assert len(reduced) == 30
    assert float(importance(reduced).min()) >= float(importance(splat).sort().values[-30])


def test_a_shuffled_grid_is_not_a_grid() -> None:
    wall = grid_splat(16)
    assert grid_side(wall) == 16
    assert grid_side(keep(wall, torch.randperm(512, generator=torch.Generator().manual_seed(0)))) is None
    assert grid_side(random_splat(512)) is None


@given(most=st.floats(0.01, 10))
def test_crops_keep_exactly_what_lies_within(most: float) -> None:
    splat = random_splat(200)
    assert len(crop_distance(splat, most)) == int((splat.means.norm(dim=1) <= most).sum())
    assert len(crop_depth(splat, most)) == int((splat.means[:, 2] <= most).sum())
    corner = torch.full((3,), most)
    assert len(crop_box(splat, -corner, corner)) == int((splat.means.abs() <= most).all(dim=1).sum())


def test_gaussians_that_cannot_be_rendered_are_dropped() -> None:
    splat = hostile_splat()
    splat.means[9] = float("nan")
    splat.scales[10, 1] = float("inf")
    assert len(drop_not_finite(splat)) == 61  # and the zero quaternion
    assert len(drop_transparent(splat, 0.5)) == int((splat.opacities >= 0.5).sum())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s: reduce_count(s, 0),
        lambda s: drop_transparent(s, 1.5),
        lambda s: crop_distance(s, 0),
        lambda s: crop_depth(s, float("nan")),
        lambda s: crop_box(s, torch.ones(3), torch.zeros(3)),
    ],
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(SharpError):
        wrong(random_splat(5))


def test_a_cropped_splat_is_merged_on_its_grid_before_it_is_cropped() -> None:
    wall = grid_splat(16)
    fitted = fit(wall, Fit(max_gaussians=64, max_depth=2.5))
    assert len(fitted) <= 64 and float(fitted.means[:, 2].max()) <= 2.5
    # 256 Gaussians were cropped to; as few as 64 can cover them only if they grew.
    assert float(fitted.scales.amax(dim=1).mean()) > 1.2 * float(wall.scales[:256].amax(dim=1).mean())


def test_fitting_without_wishes_changes_nothing() -> None:
    splat = random_splat(20)
    assert fit(splat, Fit()) is splat


def test_nothing_left_is_refused() -> None:
    with pytest.raises(SharpError, match="no Gaussian is left"):
        fit(random_splat(20), Fit(max_distance=1e-6))
