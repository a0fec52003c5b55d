"""Depth metrics against values worked out by hand."""

from __future__ import annotations

import pytest
import torch

from sharp_cli.metrics.depth import abs_rel, align_depth, delta_accuracy


def test_depth_metrics_by_hand() -> None:
    true = torch.tensor([1.0, 2.0, 4.0, 0.0, torch.inf, torch.nan]).view(1, 1, 2, 3)
    depth = torch.tensor([1.2, 1.0, 4.0, 9.0, 9.0, 9.0]).view(1, 1, 2, 3)
    # relative errors 0.2, 0.5 and 0; ratios 1.2, 2 and 1
    assert abs_rel(depth, true).item() == pytest.approx(0.7 / 3)
    assert delta_accuracy(depth, true).item() == pytest.approx(2 / 3)
    assert delta_accuracy(depth, true, threshold=2.5).item() == pytest.approx(1.0)
    # nothing rendered at the third: an error of 1, and not within the threshold
    depth[0, 0, 0, 2] = 0.0
    assert abs_rel(depth, true).item() == pytest.approx(1.7 / 3)
    assert delta_accuracy(depth, true).item() == pytest.approx(1 / 3)


def test_depth_is_aligned_by_the_median_ratio() -> None:
    true = torch.tensor([[1.0, 2.0, 3.0, 8.0, 0.0], [5.0, 5.0, 5.0, 5.0, 5.0]]).view(2, 1, 1, 5)
    depth = torch.tensor([[0.5, 1.0, 1.5, 1.0, 7.0], [0.0, 2.5, 5.0, 10.0, 0.0]]).view(2, 1, 1, 5)
    # ratios 2, 2, 2, 8 → 2; and 2, 1, 0.5 → 1, for holes have no say
    aligned = align_depth(depth, true)
    assert aligned.flatten(1).tolist() == [[1.0, 2.0, 3.0, 2.0, 14.0], [0.0, 2.5, 5.0, 10.0, 0.0]]
    assert abs_rel(aligned, true)[0].item() == pytest.approx(0.75 / 4)
    assert delta_accuracy(aligned, true)[0].item() == pytest.approx(0.75)
    assert torch.equal(align_depth(3.0 * depth, true), aligned)


def test_without_a_true_depth_there_is_no_number() -> None:
    nothing, depth = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert abs_rel(depth, nothing).isnan().all()
    assert delta_accuracy(depth, nothing).isnan().all()
    assert torch.equal(align_depth(depth, nothing), depth)
