"""The depth phases' losses on both layers."""

from __future__ import annotations

import math

import pytest
import torch

from sharp_cli.training.losses.layers import layer_losses, surface_behind


def test_depth_phase_losses_vanish_at_their_targets_and_nowhere_else():
    depth = torch.full((2, 1, 64, 64), 4.0)
    depth[:, :, 20:40, 20:40] = 1.0
    depth[1, :, :5] = 0.0  # not known
    factor = torch.tensor([0.8, 1.1])
    true = torch.where(depth > 0, factor[:, None, None, None] / depth, torch.zeros(()))
    behind = surface_behind(true, depth > 0, 0.1)
    perfect = layer_losses(torch.cat([true, behind], dim=1), depth, factor, 0.1)
    assert all(value.item() == pytest.approx(0.0, abs=1e-6) for value in perfect.values())
    wrong = layer_losses(torch.cat([true * 1.1, true], dim=1), depth, factor, 0.1)
    assert 0.05 < wrong["scale"] < math.log(1.1), "the factor itself, but for what the offset takes off"
    assert 0 < wrong["shape"] < 0.02 and wrong["edges"] > 0 and wrong["hidden"] > 0
    far = layer_losses(torch.cat([true * 1.1, true], dim=1) * 0.1, depth * 10, factor, 0.1)
    for name in ("scale", "hidden"):
        assert 0.3 * wrong[name] < far[name] < wrong[name], "far scenes count, and not for more"


def test_the_surface_behind_is_the_far_one_beside_an_edge_only():
    disparity = torch.full((1, 1, 100, 100), 0.2)
    disparity[..., 30:] = 1.0
    behind = surface_behind(disparity, torch.ones_like(disparity, dtype=torch.bool), 0.1)
    assert behind[0, 0, 50, 31] == pytest.approx(0.2, abs=1e-3), "the far surface goes on behind the near one"
    assert behind[0, 0, 50, 60] == pytest.approx(1.0) and behind[0, 0, 50, 10] == pytest.approx(0.2)
    assert (behind <= disparity).all()
    unknown = disparity.clone()
    unknown[..., 50:] = 0.0
    assert surface_behind(unknown, unknown > 0, 0.1)[0, 0, 50, 45] == pytest.approx(1.0), "unknown is not far"
