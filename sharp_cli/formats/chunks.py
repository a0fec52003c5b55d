"""The order of Gaussians in a packed file: neighbors together, so that each chunk spans little space."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.formats.columns import morton_order

CHUNK = 256
"""Gaussians that share their ranges."""

REACH = 4.0
"""Outliers lie farther from the middle of the scene than this many times its half extent, and so on by powers of it:
a chunk then never spans much more than its own Gaussians need."""

Array = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]


class Padded(NamedTuple):
    """Rows in the order of the file, whose chunks begin at multiples of :data:`CHUNK`."""

    order: Order
    """The Gaussian of each row."""
    real: npt.NDArray[np.bool_]
    """False for copies that only fill a chunk up."""


def in_chunks(means: npt.NDArray[np.float32], *, photo: bool) -> Padded:
    """Order (N, 3) positions into chunks; far outliers get chunks of their own.

    Args:
        photo: the Gaussians come from one photo at the origin, looking along z. They are then sorted by their place in
            the picture and by depth, so that precision follows depth.
    """
    order = _along_curve(means.astype(np.float64), photo)
    shell = _shells(means)[order]
    by_shell = [order[shell == number] for number in np.unique(shell)]
    rows, real = [], []
    for index, part in enumerate(by_shell):
        missing = -len(part) % CHUNK if index < len(by_shell) - 1 else 0
        rows += [part, np.repeat(part[-1:], missing)]
        real += [np.ones(len(part), bool), np.zeros(missing, bool)]
    if not rows:
        return Padded(order, np.ones(0, bool))
    return Padded(np.concatenate(rows), np.concatenate(real))


def _along_curve(means: Array, photo: bool) -> Order:
    """An order on which neighbors in space follow one another; of a photo, neighbors in the picture and in depth."""
    if photo and ((means[:, 2] > 0).all() or (means[:, 2] < 0).all()):  # of either axes
        means = np.concatenate([means[:, :2] / means[:, 2:], means[:, 2:]], axis=1)
    return morton_order(means)


def _shells(means: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """0 for the scene itself, and a higher number for each range of distances beyond it."""
    if not len(means):
        return np.zeros(0, np.int64)
    places = means.astype(np.float64)
    low = np.quantile(places, 0.1, axis=0, method="higher")  # no value between a floater's and another's
    high = np.quantile(places, 0.9, axis=0, method="lower")
    half = (high - low).max() / 2 or np.ptp(places, axis=0).max() or 1.0
    distances = np.abs(places - (low + high) / 2).max(axis=1) / half
    return np.floor(np.log(np.maximum(distances, 1)) / np.log(REACH)).astype(np.int64)
