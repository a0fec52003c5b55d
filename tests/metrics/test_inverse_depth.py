"""Scores of inverse depth: what each one fits, and what it must not forgive."""

from __future__ import annotations

import numpy as np
import pytest

from sharp_cli.metrics.inverse_depth import fit_scale_and_shift, score_inverse_depth

TRUE = np.random.default_rng(0).uniform(0.2, 2.0, 500)


def test_scale_is_forgiven() -> None:
    scores = score_inverse_depth(3.0 * TRUE, TRUE)
    assert scores.correlation == pytest.approx(1)
    assert scores.abs_rel_scaled == pytest.approx(0, abs=1e-12)
    assert scores.delta_scaled == 1
    assert scores.abs_rel_shifted == pytest.approx(0, abs=1e-12)


def test_a_shift_is_forgiven_by_the_shifted_score_alone() -> None:
    scores = score_inverse_depth(TRUE + 1.0, TRUE)
    assert scores.correlation == pytest.approx(1)
    assert scores.abs_rel_scaled > 0.1
    assert scores.abs_rel_shifted == pytest.approx(0, abs=1e-12)


def test_abs_rel_is_of_depth() -> None:
    true = np.ones(4)
    found = np.array([1.0, 1.0, 1.0, 0.5])  # twice as far: depth off by 100 %
    scores = score_inverse_depth(found, true)
    assert scores.abs_rel_scaled == pytest.approx(0.25)
    assert scores.delta_scaled == pytest.approx(0.75)


def test_a_plane_has_no_correlation_and_the_mean_as_its_fit() -> None:
    scores = score_inverse_depth(np.ones_like(TRUE), TRUE)
    assert np.isnan(scores.correlation)
    np.testing.assert_allclose(fit_scale_and_shift(np.ones_like(TRUE), TRUE), TRUE.mean())


def test_near_taken_for_far_is_a_negative_correlation() -> None:
    assert score_inverse_depth(1 / TRUE, TRUE).correlation < -0.5


def test_zeros_stay_finite() -> None:
    assert np.isfinite(score_inverse_depth(np.where(TRUE > 1, TRUE, 0.0), TRUE)).all()


@pytest.mark.parametrize(("found", "true"), [(np.ones(2), np.ones(3)), (np.ones(0), np.ones(0))])
def test_vectors_that_cannot_be_compared(found: np.ndarray, true: np.ndarray) -> None:
    with pytest.raises(ValueError, match="equal vectors"):
        score_inverse_depth(found, true)
