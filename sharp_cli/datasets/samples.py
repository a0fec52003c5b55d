"""What is evaluated: two posed pictures with true depth, of which the predictor sees the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.photo import FocalOverride, Photo, photo_from_array


@dataclass(frozen=True)
class Sample:
    """A pair of views that is loaded when its turn comes."""

    name: str
    """Of the scene, with forward slashes; unique in its data set."""
    load: Callable[[], ViewPair]
    """Raises SharpError for files that cannot be used. True depth is 0 or NaN where it is not known, and infinite
    where there is only sky: such pixels have no depth to compare with, but a direction."""


def photo_of(pair: ViewPair) -> Photo:
    """The input as the predictor gets it: pixels and a focal length, that along x."""
    return photo_from_array(pair.photo, focal=FocalOverride(px=float(pair.input.K[0, 0])))


def to_true_camera(pair: ViewPair) -> NDArray[np.float64]:
    """(3, 3) M from the camera that a predictor assumes to the one that took the picture: K⁻¹ K_assumed.

    A predictor knows one focal length and takes the picture's center for the principal point (docs/network.md §8); a
    calibrated camera may differ in both. M moves points so that each stays on its own pixel at its own depth. It is
    the identity where the assumptions hold.
    """
    height, width = pair.photo.shape[:2]
    focal = pair.input.K[0, 0]
    assumed = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    return np.linalg.inv(pair.input.K) @ assumed
