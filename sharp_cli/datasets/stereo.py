"""Rectified stereo with disparities, the form of Middlebury and Booster: the left picture predicts the right one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharp_cli.datasets.view_pair import View, ViewPair
from sharp_cli.errors import SharpError
from sharp_cli.photo import read_photo

Map = NDArray[np.float32]
Matrix = NDArray[np.float64]


def stereo_pair(
    pictures: tuple[Path, Path],
    disparities: tuple[Map | None, Map | None],
    Ks: tuple[Matrix, Matrix],
    baseline: float,
) -> ViewPair:
    """The two views of a rectified pair.

    Args:
        pictures: files of the left and the right view.
        disparities: (H, W) of each view, x left − x right [px]; 0, infinite or NaN where it is not known. None: not
            at all, as in the test sets that others score.
        Ks: (3, 3) of the rectified views, by the calibration's convention: pixel *centers* at whole numbers.
        baseline: from the left to the right camera, along x [m].

    Raises:
        SharpError: a picture that cannot be read, or maps of another size.
    """
    offset = float(Ks[1][0, 2] - Ks[0][0, 2])
    views = []
    for picture, disparity, K, shift in zip(pictures, disparities, Ks, (0.0, -baseline), strict=True):
        image = read_photo(picture).pixels
        if disparity is not None and disparity.shape != image.shape[:2]:
            raise SharpError(
                f"cannot use {picture}: it has {image.shape[1]} × {image.shape[0]} pixels, and its disparity map "
                f"{disparity.shape[1]} × {disparity.shape[0]} (both must have the same size)"
            )
        depth = np.zeros(image.shape[:2], np.float32)
        if disparity is not None:
            depth = depth_from_disparity(disparity, float(K[0, 0]), baseline, offset)
        viewmat = np.eye(4)
        viewmat[0, 3] = shift
        views.append(View(image, depth, _centers_at_halves(K), viewmat))
    return ViewPair(views[0], views[1], views[0].image)


def depth_from_disparity(disparity: Map, focal: float, baseline: float, offset: float) -> Map:
    """Z = f · B / (d + offset) [m], 0 where it is not known.

    From x = f X / Z + cx in both views, X being less by B in the right one: d = f B / Z − offset.

    Args:
        disparity: [px]; 0, infinite or NaN where it is not known.
        focal: [px].
        baseline: B [m].
        offset: principal point x of the right view minus that of the left ("doffs") [px].
    """
    shift = disparity.astype(np.float64) + offset
    known = np.isfinite(disparity) & (disparity > 0) & (shift > 0)
    return np.where(known, focal * baseline / np.where(known, shift, 1.0), 0.0).astype(np.float32)


def _centers_at_halves(K: Matrix) -> Matrix:
    """Our pixel centers are at half integers."""
    moved = K.copy()
    moved[:2, 2] += 0.5
    return moved
