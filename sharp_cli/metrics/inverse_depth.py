"""How well predicted inverse depth matches measured inverse depth, whatever its unit.

Measured depth of photos often has no known unit, and a network's may lack a scale or a shift. So each score first fits
what it does not judge. All arrays are one picture's pixels with a measurement, as vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DELTA = 1.25
FLOOR = 0.5
"""A fit with a shift may reach below zero; it is cut off at this share of the smallest measured value."""

Values = NDArray[np.floating]


class InverseDepthScores(NamedTuple):
    """Of one picture."""

    correlation: float
    """Pearson's, of inverse depth; NaN if the prediction is the same everywhere."""
    abs_rel_scaled: float
    """E abs(depth − true) / true after scaling to the median ratio."""
    delta_scaled: float
    """Share of pixels with max(depth / true, true / depth) < 1.25 after that scaling."""
    abs_rel_shifted: float
    """AbsRel after the least-squares scale and shift in inverse depth."""


def score_inverse_depth(found: Values, true: Values) -> InverseDepthScores:
    """Score a picture's predicted inverse depth.

    Args:
        found: (N,) predicted inverse depth ≥ 0, in any unit.
        true: (N,) measured inverse depth > 0.

    Raises:
        ValueError: shapes differ, or there is no pixel.
    """
    if found.shape != true.shape or found.ndim != 1 or not found.size:
        raise ValueError(f"need two equal vectors with at least one pixel, not {found.shape} and {true.shape}")
    found, true = found.astype(np.float64), true.astype(np.float64)
    positive = np.maximum(found, 1e-6 * max(float(found.max()), 1e-12))
    ratio = true / (positive * np.median(true / positive))  # found depth / true depth
    fitted = np.maximum(fit_scale_and_shift(found, true), FLOOR * true.min())
    return InverseDepthScores(
        correlation=_correlation(found, true),
        abs_rel_scaled=float(np.abs(ratio - 1).mean()),
        delta_scaled=float((np.maximum(ratio, 1 / ratio) < DELTA).mean()),
        abs_rel_shifted=float(np.abs(true / fitted - 1).mean()),
    )


def fit_scale_and_shift(found: Values, true: Values) -> Values:
    """(N,) a · found + b with the least squared error to ``true``."""
    design = np.stack([found, np.ones_like(found)], axis=1)
    scale_and_shift = np.linalg.lstsq(design, true, rcond=None)[0]
    fitted: Values = design @ scale_and_shift
    return fitted


def _correlation(found: Values, true: Values) -> float:
    if np.ptp(found) <= 1e-9 * np.abs(found).max() or np.ptp(true) == 0:
        return float("nan")
    return float(np.corrcoef(found, true)[0, 1])
