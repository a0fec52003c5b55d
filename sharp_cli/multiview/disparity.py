"""Bring a photo's predicted disparity to what was measured: one robust affine fit, measured = a · predicted + b, and a
smooth correction of what remains.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sharp_cli.multiview.posed import Floats
from sharp_cli.multiview.seams import bell, bin_medians

LEAST = 30
"""Measured pixels that a fit needs."""
TRIES = 300
STEPS = 10
LEAST_AGREEING = 0.2
"""Share of the pixels that a fit must explain."""
LARGEST_OFFSET = 0.15
"""Of b, as a share of the median disparity: a fit that is mostly offset has seen a single wall."""
BINS = 12
"""Of measured disparity, which count alike: a textured wall must not outvote the rest."""
GRID = 24
"""Cells along the longer side for the correction."""
LARGEST = math.log(2)
"""Bound of the correction."""
REACHES = (1.0, 2.0, 4.0)
"""Standard deviations of the smoothing, in cells: fine where much was measured, coarse elsewhere."""
TRUSTED = 0.5
"""Cells that must be measured, about, for a level to count."""
NARROW = 0.15
"""If the middle half of the predicted disparities spans less than this of their median, only a scale is fitted."""


class Affine(NamedTuple):
    """A fit, and how far to trust it."""

    a: float
    b: float
    agreeing: float
    """Share of the measured pixels that it explains."""
    spread: float
    """Median distance of these from it, as a share of the median disparity."""


def fit_affine(predicted: Floats, measured: Floats) -> Affine | None:
    """Fit measured = a · predicted + b to pairs with many outliers; a > 0.

    Args:
        predicted, measured: (M,) disparities.

    Returns:
        None if there are too few pairs, or most of them agree on nothing.
    """
    good = np.isfinite(predicted) & np.isfinite(measured) & (predicted > 0)
    x, y = predicted[good], measured[good]
    if len(x) < LEAST:
        return None
    tolerance = 0.1 * float(np.median(y)) + 1e-12
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75])
    balance = _balance(y)
    largest = LARGEST_OFFSET * float(np.median(y))
    candidates = [(float(slope), 0.0) for slope in np.quantile(y / x, np.linspace(0.1, 0.9, 33))]
    slope_only = not high - low > NARROW * middle
    if not slope_only:
        candidates += [(a, b) for a, b in _lines(x, y) if abs(b) <= largest]
    costs = [(balance * np.minimum(np.abs(a * x + b - y), tolerance)).sum() for a, b in candidates]
    a, b = candidates[int(np.argmin(costs))]
    for _ in range(STEPS):
        residual = a * x + b - y
        weights = balance / (1 + (residual / tolerance) ** 2) ** 2
        if not slope_only:
            columns = np.stack([x, np.ones_like(x)], axis=1)
            found = np.linalg.lstsq(columns.T @ (columns * weights[:, None]), columns.T @ (weights * y))[0]
            b = float(np.clip(found[1], -largest, largest))
        a = float((weights * x * (y - b)).sum() / (weights * x * x).sum())
    residual = np.abs(a * x + b - y)
    agreeing = residual < 2 * tolerance
    if a <= 0 or agreeing.mean() < LEAST_AGREEING:
        return None
    return Affine(a, b, float(agreeing.mean()), float(np.median(residual[agreeing]) / np.median(y)))


def correction(places: Floats, ratios: Floats, columns: int, rows: int) -> Floats:
    """(rows, columns) smooth log ratios; 0 where nothing was measured near.

    Args:
        places: (M, 2) shares of width and height, 0..1.
        ratios: (M,) log of measured over fitted disparity; outliers beyond ``LARGEST`` are left out.
    """
    good = np.isfinite(ratios) & (np.abs(ratios) <= LARGEST)
    cell = (places[good, 1] * rows).astype(int).clip(0, rows - 1) * columns
    cell += (places[good, 0] * columns).astype(int).clip(0, columns - 1)
    medians = bin_medians(cell, ratios[good], rows * columns).reshape(rows, columns)
    known = np.isfinite(medians)
    smooth = np.zeros((rows, columns))
    for reach in sorted(REACHES, reverse=True):  # finer levels take over where they have enough to go by
        weight = _blurred(known.astype(float), reach)
        level = _blurred(np.where(known, medians, 0.0), reach) / np.maximum(weight, 1e-9)
        trust = np.clip(weight * math.tau * reach**2 / TRUSTED - 1, 0, 1)
        smooth = trust * level + (1 - trust) * smooth
    return smooth


def grid_size(width: int, height: int) -> tuple[int, int]:
    """Columns and rows of the correction for a picture [px]."""
    longest = max(width, height)
    return max(2, round(GRID * width / longest)), max(2, round(GRID * height / longest))


def _blurred(values: Floats, reach: float) -> Floats:
    """Gaussian blur of a map; outside of it lies nothing."""
    weights = bell(reach)
    wide = len(weights) // 2
    for axis in (0, 1):
        values = np.apply_along_axis(lambda row: np.convolve(np.pad(row, wide), weights, mode="valid"), axis, values)
    return values


def _balance(y: Floats) -> Floats:
    """Weights that make bins of log disparity count alike, as far as they are not nearly empty."""
    low, high = np.quantile(np.log(np.maximum(y, 1e-12)), [0.01, 0.99])
    bins = np.clip((np.log(np.maximum(y, 1e-12)) - low) / max(high - low, 1e-9) * BINS, 0, BINS - 1).astype(int)
    counts = np.bincount(bins, minlength=BINS)
    weights: Floats = 1 / np.maximum(counts[bins], 0.02 * len(y))
    return weights / weights.sum()


def _lines(x: Floats, y: Floats) -> list[tuple[float, float]]:
    """Lines through random pairs of points that are not too close."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, len(x), (2, TRIES))
    apart = np.abs(x[first] - x[second]) > 0.1 * np.median(x)
    first, second = first[apart], second[apart]
    slopes = (y[first] - y[second]) / (x[first] - x[second])
    return [(float(a), float(b)) for a, b in zip(slopes, y[first] - slopes * x[first], strict=True) if a > 0]
