"""A steady scale for the frames of a video: the network gives each frame a slightly different one.

Between neighbors the same pixel shows nearly the same thing, so the median ratio of their disparities is the change of
scale, without optical flow. The corrections add up and leak away slowly, so that an error in one ratio does not stay
for the rest of the film. It fails where most of the picture moves toward or away from the camera for long: that motion
is taken for a change of scale and partly removed.
"""

from __future__ import annotations

import math

import numpy as np

from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.multiview.equirect import Floats
from sharp_cli.multiview.seams import bin_medians, front_of, robust_mean

COLUMNS, ROWS = 48, 32
MEMORY = 0.99
"""Share of a correction that is left one frame later."""
CUT = math.log(1.35)
"""If the middle half of the ratios spans more, the neighbors show different scenes."""


class Steadier:
    """Follows a film from frame to frame.

    Args:
        profile: log disparity (:func:`log_disparity`) of the frame before, as the network made it; None for the first.
        correction: log scale that the frame before was multiplied by.
        count: frames since the last cut.
    """

    def __init__(self, profile: Floats | None = None, correction: float = 0.0, count: int = 0) -> None:
        self.profile, self.correction, self.count = profile, correction, count

    def follow(self, gaussians: Gaussians) -> float:
        """The log scale by which to multiply the next frame's positions and sizes."""
        profile = log_disparity(gaussians)
        change = None if self.profile is None else change_of(self.profile, profile)
        if change is None:
            self.correction, self.count = 0.0, 0
        else:
            self.count += 1
            # At first the mean of all frames so far, later one that forgets.
            memory = min(MEMORY, self.count / (self.count + 1))
            self.correction = memory * (self.correction + change)
        self.profile = profile
        return self.correction


def change_of(before: Floats, after: Floats) -> float | None:
    """Log ratio of the disparities of two neighbors; None at a cut."""
    ratios = after - before
    ratios = ratios[np.isfinite(ratios)]
    if not len(ratios):
        return None
    low, high = np.quantile(ratios, [0.25, 0.75])
    return None if high - low > CUT else robust_mean(ratios)


def log_disparity(gaussians: Gaussians) -> Floats:
    """(ROWS × COLUMNS,) medians of log 1 / z of what a photo's splat shows in front; NaN where that is nothing."""
    means, solid = front_of(gaussians)
    camera = gaussians.camera
    z = means[:, 2]
    good = (z > 0) & solid
    if camera is None or not good.any():
        return np.full(ROWS * COLUMNS, np.nan)
    u = (means[good, 0] / z[good] * camera.focal_px / camera.width + 0.5) * COLUMNS
    v = (means[good, 1] / z[good] * camera.focal_px / camera.height + 0.5) * ROWS
    inside = (u >= 0) & (u < COLUMNS) & (v >= 0) & (v < ROWS)
    cells = np.where(inside, np.floor(v) * COLUMNS + np.floor(u), -1).astype(np.int64)
    return bin_medians(cells, -np.log(z[good]), ROWS * COLUMNS)
