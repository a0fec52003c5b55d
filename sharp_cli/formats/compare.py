"""What a format cost: the errors of one splat against another that holds the same Gaussians."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import Floats, SplatColumns, any_values
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.sh import SH_C0

VISIBLE = 1 / 255
"""Gaussians with less opacity are not compared: they are not rendered, and formats pad with them."""


MOST_LOST = 0.02
"""Part of the visible Gaussians that a format may add or drop: rounding moves some across :data:`VISIBLE`."""


class ErrorSpread(NamedTuple):
    """How errors are distributed over the Gaussians."""

    median: float
    q999: float  # quantile 99.9 %
    largest: float


class Comparison(NamedTuple):
    """The errors of each visible Gaussian of a reference, by what they are errors of."""

    compared: int
    position: ErrorSpread
    """Distance [m]."""
    log_scale: ErrorSpread
    """Largest of the three axes; natural logarithm."""
    rotation: ErrorSpread
    """Angle between the orientations [degrees]."""
    opacity: ErrorSpread
    color: ErrorSpread
    """Largest of the three sRGB channels, on a scale from 0 to 1."""


@any_values()
def compare_splats(found: StoredSplat, reference: StoredSplat) -> Comparison:
    """Compare each visible Gaussian of ``reference`` with the one of ``found`` that is nearest to it.

    Formats may change the order and add or drop what cannot be seen.

    Raises:
        SharpError: one of them has no visible Gaussian, they hold different numbers of them, or SciPy is missing.
    """
    a, b = _visible(reference), _visible(found)
    if not len(a.means) or not len(b.means):
        raise SharpError("there is nothing to compare: a splat has no visible Gaussians")
    if abs(len(a.means) - len(b.means)) > MOST_LOST * max(len(a.means), len(b.means)):
        raise SharpError(
            f"cannot compare {len(b.means):,} with {len(a.means):,} visible Gaussians: they are not the same ones "
            "(compare a file with the one that it was exported from, all of its Gaussians kept)"
        )
    b = b.take(_nearest(b.means, a.means))
    one, other = a.quats.astype(np.float64), b.quats.astype(np.float64)
    products = np.abs((one * other).sum(axis=1))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    angles = np.degrees(2 * np.arccos((products / np.maximum(lengths, 1e-12)).clip(0, 1)))
    colors = np.abs(_srgb(a) - _srgb(b)).max(axis=1)
    return Comparison(
        len(a.means),
        _spread(np.linalg.norm(a.means.astype(np.float64) - b.means, axis=1)),
        _spread(np.abs(a.log_scales - b.log_scales).max(axis=1)),
        _spread(angles),
        _spread(np.abs(a.opacities - b.opacities)),
        _spread(colors),
    )


def _visible(splat: StoredSplat) -> SplatColumns:
    columns = splat.columns.to_write()
    return columns.take(np.flatnonzero(columns.opacities >= VISIBLE))


def _nearest(points: Floats, queries: Floats) -> npt.NDArray[np.int64]:
    """(Q,) the index of the point nearest to each query."""
    if len(points) == len(queries) and np.median(np.abs(points - queries)) <= 1e-3 * np.ptp(points):
        return np.arange(len(points))  # the order is the same
    try:
        from scipy.spatial import cKDTree
    except ImportError as error:
        raise SharpError("comparing splats of different order needs SciPy (pip install scipy)") from error
    nearest: npt.NDArray[np.int64] = cKDTree(points).query(queries, workers=-1)[1]
    return nearest


def _srgb(columns: SplatColumns) -> Floats:
    colors: Floats = (0.5 + SH_C0 * columns.dc).clip(0, 1)
    return colors


def _spread(errors: Floats) -> ErrorSpread:
    return ErrorSpread(*(float(value) for value in np.quantile(errors, [0.5, 0.999, 1.0])))
