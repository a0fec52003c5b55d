"""How far apart two splats place what both see: robust ratios of range, in bins of direction.

Range (distance from the center) is compared, not depth: two faces that look in different directions give one point
two depths, but one range.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.gaussians.fitting import grid_side
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.multiview.equirect import Floats

Bools = npt.NDArray[np.bool_]

SOLID = 0.3
"""Fainter Gaussians are not surface."""
LEAST_IN_BIN = 3
"""Gaussians that a bin's median needs."""
LEAST_BINS = 6
"""Bins that a ratio needs."""
TRIMMED = 0.1
"""Share of the bins that is dropped at each end."""


class Surface(NamedTuple):
    """What a splat shows from its center: the directions and ranges of its front Gaussians."""

    directions: Floats
    """(M, 3) unit vectors in the panorama's axes."""
    log_range: Floats
    """(M,) logarithm of the distance from the center [m]."""


class Front(NamedTuple):
    """What a splat shows in front, apart from what is faint."""

    means: Floats
    """(M, 3) [m]."""
    solid: Bools
    """(M,)."""


def front_of(gaussians: Gaussians) -> Front:
    """The predictor's second layer lies behind the first and would blur medians: of its grids only the first counts."""
    count = len(gaussians) // 2 if grid_side(gaussians) is not None else len(gaussians)
    means = gaussians.means[:count].detach().cpu().double().numpy()
    return Front(means, (gaussians.opacities[:count].detach() >= SOLID).cpu().numpy())


def surface(gaussians: Gaussians, rotation: Floats) -> Surface:
    """The front of a face's splat.

    Args:
        rotation: (3, 3) from the splat's axes to the panorama's.
    """
    means, solid = front_of(gaussians)
    distance = np.linalg.norm(means, axis=1)
    good = solid & np.isfinite(distance) & (distance > 0)
    return Surface(means[good] / distance[good, None] @ rotation.T, np.log(distance[good]))


def bin_medians(bins: npt.NDArray[np.int64], values: Floats, count: int) -> Floats:
    """(count,) median of the values in each bin; NaN where there are too few.

    Args:
        bins: (M,) bin of each value; negative ones are left out.
    """
    chosen = bins >= 0
    order = np.lexsort((values[chosen], bins[chosen]))
    bins, values = bins[chosen][order], values[chosen][order]
    starts = np.searchsorted(bins, np.arange(count + 1))
    sizes = np.diff(starts)
    medians = np.full(count, np.nan)
    enough = sizes >= LEAST_IN_BIN
    low, high = starts[:-1] + (sizes - 1) // 2, starts[:-1] + sizes // 2
    medians[enough] = (values[low[enough]] + values[high[enough]]) / 2
    return medians


def robust_mean(ratios: Floats, closeness: Floats | None = None) -> float | None:
    """The weighted median of log ratios whose ends are trimmed; None if there are too few.

    Args:
        ratios: (M,); NaN: not known.
        closeness: (M,) how much each counts, else all alike: what is near moves most in a view beside the center, and
            the range of a sky means nothing.
    """
    known = np.isfinite(ratios)
    ratios, closeness = ratios[known], np.ones(known.sum()) if closeness is None else closeness[known]
    if len(ratios) < LEAST_BINS:
        return None
    low, high = np.quantile(ratios, [TRIMMED, 1 - TRIMMED])
    kept = (ratios >= low) & (ratios <= high)
    order = np.argsort(ratios[kept])
    shares = np.cumsum(closeness[kept][order])
    return float(ratios[kept][order][np.searchsorted(shares, shares[-1] / 2)])


def smooth_profile(ratios: Floats, *, circular: bool, reach: float = 1.0) -> Floats:
    """Fill the gaps of a profile of log ratios and smooth it: a running median of 3, then a Gaussian.

    Args:
        reach: standard deviation of the Gaussian, in bins.
    """
    known = np.flatnonzero(np.isfinite(ratios))
    if not len(known):
        return np.zeros_like(ratios)
    places = np.arange(len(ratios))
    filled = np.interp(places, known, ratios[known], period=len(ratios) if circular else None)
    mode: Literal["wrap", "edge"] = "wrap" if circular else "edge"
    near = np.pad(filled, 1, mode=mode)
    filled = np.median(np.stack([near[:-2], near[1:-1], near[2:]]), axis=0)
    weights = bell(reach)
    smooth: Floats = np.convolve(np.pad(filled, len(weights) // 2, mode=mode), weights, mode="valid")
    return smooth


def bell(reach: float) -> Floats:
    """(2 K + 1,) weights of a Gaussian of standard deviation ``reach`` [bins], out to three of them."""
    wide = math.ceil(3 * reach)
    weights: Floats = np.exp(-0.5 * (np.arange(-wide, wide + 1) / reach) ** 2)
    return weights / weights.sum()
