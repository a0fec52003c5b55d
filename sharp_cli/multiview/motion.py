"""How the picture moves between two frames of a video: a shift, and a zoom when the camera comes nearer.

The zoom is measured across the direction in which the picture moves: a camera that moves sideways along a slanted wall
stretches the picture too, but only along its way.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.multiview.equirect import Floats

PATCH = 8
"""Side of a patch whose motion is measured [px]."""
REACH = 3
"""How far a patch's motion may differ from the shift [px]."""
LEAST_PATCHES = 20
MOST_DIFFERENT = 15.0
"""Mean difference of gray, 0..255, of a patch that is found again."""
LEAST_DISTINCT = 1.0
"""Mean square of a patch's slope in its flattest direction: motion along an edge cannot be seen."""
ROUNDS = 6
"""Of fitting with outliers weighed down."""


class Flow(NamedTuple):
    """Where patches of one picture are in another."""

    places: Floats
    """(M, 2) x and y of the patches' centers, from the picture's center [px]."""
    motion: Floats
    """(M, 2) how far each moved [px]."""


def shift_between(before: Floats, after: Floats) -> tuple[int, int]:
    """How far the picture moved, right and down [px]: the peak of the phase correlation.

    Args:
        before, after: (H, W) gray.
    """
    height, width = before.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    spectra = [np.fft.rfft2((picture - picture.mean()) * window) for picture in (before, after)]
    product = spectra[1] * spectra[0].conj()
    strength = np.abs(product)
    peaks = np.fft.irfft2(product / (strength + 1e-3 * strength.mean() + 1e-9), before.shape)
    down, right = np.unravel_index(peaks.argmax(), peaks.shape)
    half = height // 2, width // 2
    return int((right + half[1]) % width - half[1]), int((down + half[0]) % height - half[0])


def zoom_between(before: Floats, after: Floats, shift: tuple[int, int]) -> float:
    """Logarithm of how much larger things became; 0 where too few of them are found again.

    Args:
        before, after: (H, W) gray, 0..255.
        shift: from :func:`shift_between`.
    """
    places, motion = patch_flow(before, after, shift)
    if len(places) < LEAST_PATCHES:
        return 0.0
    terms = np.column_stack([np.ones(len(places)), places])
    weights = np.ones(len(places))
    for _ in range(ROUNDS):
        fit = np.linalg.lstsq(terms * weights[:, None], motion * weights[:, None], rcond=None)[0]
        weights = 1 / np.sqrt(np.maximum(np.linalg.norm(terms @ fit - motion, axis=1), 0.1))
    along = fit[0] / max(float(np.linalg.norm(fit[0])), 1e-9)
    across = np.array([-along[1], along[0]])
    return float(np.log(max(1 + across @ fit[1:] @ across, 0.5)))


def patch_flow(before: Floats, after: Floats, shift: tuple[int, int]) -> Flow:
    """Find the patches of one picture in the other, to parts of a pixel; those that are not distinct are left out."""
    (height, width), (right, down) = before.shape, shift
    rows, columns = height // PATCH, width // PATCH
    border = max(abs(right), abs(down)) + REACH
    padded = np.pad(after, border, mode="edge")
    steps = np.arange(-REACH, REACH + 1)
    costs = np.empty((len(steps), len(steps), rows, columns))
    for j, y in enumerate(border + down + steps):
        for i, x in enumerate(border + right + steps):
            difference = np.abs(padded[y : y + height, x : x + width] - before)[: rows * PATCH, : columns * PATCH]
            costs[j, i] = difference.reshape(rows, PATCH, columns, PATCH).mean(axis=(1, 3))
    best_j, best_i = np.divmod(costs.reshape(-1, rows, columns).argmin(axis=0), len(steps))
    whole = np.stack([right + best_i - REACH, down + best_j - REACH], axis=-1)
    part, distinct = _part_of_pixel(before, padded, border + whole)
    row, column = np.mgrid[:rows, :columns]
    centers = (np.stack([column, row], axis=-1) + 0.5) * PATCH
    motion = whole + part
    moved = centers + motion
    inside = ((moved >= PATCH / 2) & (moved <= np.array([width, height]) - PATCH / 2)).all(axis=-1)
    found = (costs.min(axis=(0, 1)) < MOST_DIFFERENT) & (np.abs(part) < 1).all(axis=-1)
    good = inside & found & (distinct > LEAST_DISTINCT)
    return Flow(centers[good] - np.array([width, height]) / 2, motion[good])


def _part_of_pixel(
    before: Floats, padded: Floats, starts: npt.NDArray[np.int64]
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """(rows, columns, 2) what is left of the patches' motion, and how distinct they are: least squares on gradients.

    Args:
        padded: the other picture, with a border.
        starts: (rows, columns, 2) x and y in ``padded`` of where the whole of ``before`` would begin for each patch.
    """
    rows, columns = starts.shape[:2]
    y, x = np.mgrid[: rows * PATCH, : columns * PATCH]
    start = starts.repeat(PATCH, 0).repeat(PATCH, 1)
    places = y + start[..., 1], x + start[..., 0]
    old = before[: rows * PATCH, : columns * PATCH]
    slopes = [
        (mine[y, x] + other[places]) / 2 for mine, other in zip(np.gradient(before), np.gradient(padded), strict=True)
    ]
    left = old - padded[places]

    def total(values: Floats) -> Floats:
        return values.reshape(rows, PATCH, columns, PATCH).sum(axis=(1, 3))

    down, right = slopes
    xx, xy, yy = total(right * right), total(right * down), total(down * down)
    x_left, y_left = total(right * left), total(down * left)
    distinct = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    size = np.maximum(xx * yy - xy**2, 1e-9)
    part = np.stack([yy * x_left - xy * y_left, xx * y_left - xy * x_left], axis=-1) / size[..., None]
    return part, distinct / PATCH**2
