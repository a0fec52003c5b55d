"""Bring a photo's predicted disparity to what was measured: one robust affine fit, measured = a · predicted + b, and a
smooth correction of what remains.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.multiview.posed import Floats

LEAST = 30
"""Measured pixels that a fit needs."""
MOST = 20_000
"""Pixels that a fit looks at."""
TRIES = 300
STEPS = 10
LEAST_AGREEING = 0.2
"""Share of the pixels that a fit must explain."""
LARGEST_OFFSET = 0.15
"""Of b, as a share of the median disparity: a fit that is mostly offset has seen a single wall."""
BINS = 12
"""Of measured disparity, which count alike: a textured wall must not outvote the rest."""
LARGEST = math.log(4)
"""Bound of the correction."""
STEPS_APART = (16, 8, 4, 2, 1)
"""Distance of the pixels that a level of the correction looks at [px]."""
TAPS = 3
"""Of these pixels to each side."""
ALIKE = 0.1
"""Colors that differ by less belong to one thing, about."""
SAME_DEPTH = 0.15
"""Log depths that differ by less belong to one thing, about."""
EVEN = 0.1
"""Where log depths differ by more from one pixel to the next, an edge blurs them."""
TRUSTED = 1.0
"""Known pixels that a level needs."""
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
    good = np.flatnonzero(np.isfinite(predicted) & np.isfinite(measured) & (predicted > 0))
    if len(good) < LEAST:
        return None
    good = good[np.linspace(0, len(good) - 1, min(len(good), MOST)).astype(int)]
    x, y = predicted[good], measured[good]
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


def fit_scale(predicted: Floats, measured: Floats) -> Affine | None:
    """The middle ratio alone, for a prediction whose depths agree with nothing; None if there are too few pairs."""
    ratios = measured / predicted
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    return Affine(float(np.median(ratios)), 0.0, 0.0, math.inf) if len(ratios) >= LEAST else None


class Surroundings(NamedTuple):
    """What a correction is spread from, by pixel."""

    ratios: Tensor
    """(H, W) log of measured over fitted disparity; NaN: not known."""
    log_depth: Tensor
    """(H, W) of the fitted depth."""
    colors: Tensor
    """(3, H, W) 0..1."""


def correction(around: Surroundings, places: Tensor, log_depth: Tensor, colors: Tensor) -> Tensor:
    """(N,) log ratios for points of a photo, from pixels near them where they are known; 0 far from these.

    Pixels of about a point's own color and fitted depth count, so that each thing is corrected by itself: ratios of
    what lies before and behind an edge differ by far, and a point on the wrong side would fly away.

    Args:
        places: (N, 2) x and y as shares of the photo's width and height, 0..1.
        log_depth: (N,) of the points' fitted depths.
        colors: (N, 3) 0..1, as the photo's.
    """
    height, width = around.ratios.shape
    known = around.ratios.isfinite() & (around.ratios.abs() <= LARGEST) & (_edge(around.log_depth) <= EVEN)
    ratios = torch.where(known, around.ratios, 0.0)
    # what is known, as one table to look up: weight, ratio, depth, color
    table = torch.stack([known.to(ratios), ratios, around.log_depth, *around.colors], dim=-1).view(-1, 6)
    columns = (places[:, 0] * width).long().clamp(0, width - 1)
    rows = (places[:, 1] * height).long().clamp(0, height - 1)
    found = torch.zeros(len(places))
    for step in STEPS_APART:  # finer levels take over where they have enough to go by
        total, weight = torch.zeros_like(found), torch.zeros_like(found)
        for dy in range(-TAPS, TAPS + 1):
            for dx in range(-TAPS, TAPS + 1):
                y, x = rows + dy * step, columns + dx * step
                inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
                seen = table[torch.where(inside, y * width + x, 0)]
                unlike = (seen[:, 3:] - colors).square().sum(dim=1) / ALIKE**2
                unlike += ((seen[:, 2] - log_depth) / SAME_DEPTH) ** 2 + (dx * dx + dy * dy) / (TAPS / 2) ** 2
                share = torch.exp(-0.5 * unlike) * seen[:, 0] * inside
                total += share * seen[:, 1]
                weight += share
        found = torch.lerp(found, total / weight.clamp(min=1e-9), (weight / TRUSTED).clamp(max=1))
    return found


def _edge(log_depth: Tensor) -> Tensor:
    """(H, W) how much log depths differ within a pixel's neighbors."""
    near = F.pad(log_depth[None, None], (1, 1, 1, 1), mode="replicate")
    return (F.max_pool2d(near, 3, stride=1) + F.max_pool2d(-near, 3, stride=1))[0, 0]


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
