"""A steady scale for the frames of a video: the network gives each frame a slightly different one.

What two frames both show should have the same distance in both, up to the motion of the camera. The picture's shift
and zoom between them say where a place of one frame is in the other and, for the zoom, how much nearer it came; the
middle of the ratios of disparity is the change of scale. Each frame is compared with several before it, so that errors
add up slowly. Corrections leak away over a thousand frames: in the long run the network's own scale is the better one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.multiview.equirect import Floats
from sharp_cli.multiview.motion import shift_between, zoom_between
from sharp_cli.multiview.seams import bin_medians, front_of, robust_mean
from sharp_cli.runtime.files import atomic_write

LONG_SIDE = 128
"""Of the reduced frames that are compared."""
LAGS = (1, 2, 4, 8)
"""How many frames back those are that a frame is compared with."""
KEPT = 0.999
"""Share of a correction that is left one frame later."""
BLANK = 2.0
"""Standard deviation of gray, 0..255, below which a frame shows nothing, as a black one."""
LIKE = 0.5
"""Correlation below which two frames show different scenes."""
SPREAD = math.log(1.8)
"""What the middle half of the ratios may span."""


@dataclass(frozen=True)
class Glance:
    """What is remembered of a frame."""

    gray: npt.NDArray[np.uint8]
    """(h, w), the long side of :data:`LONG_SIDE`."""
    disparity: npt.NDArray[np.float16]
    """(h, w) logarithm of 1 / z [1 / m] as the network made it; NaN where nothing is in front."""
    correction: float = 0.0
    """Log scale that the frame's positions and sizes are multiplied by."""

    @property
    def is_blank(self) -> bool:
        """Whether the frame shows nothing."""
        return float(self.gray.std()) < BLANK


def glance_of(pixels: npt.NDArray[np.uint8], gaussians: Gaussians) -> Glance:
    """Reduce a frame and its splat.

    Args:
        pixels: (H, W, 3) sRGB.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    w, h = (max(16, round(side * LONG_SIDE / max(height, width))) for side in (width, height))
    gray = Image.fromarray(pixels).convert("L").resize((w, h), Image.Resampling.BOX)
    return Glance(np.asarray(gray), log_disparity(gaussians, h, w))


def correction_after(past: Sequence[Glance], now: Glance) -> float:
    """The log scale by which to multiply a frame's positions and sizes.

    Args:
        past: the frames before, the last one last.
        now: its own correction does not count.
    """
    if now.is_blank:
        return past[-1].correction if past else 0.0
    seen = [glance for glance in past if not glance.is_blank]
    compared = [(seen[-lag], change_between(seen[-lag], now)) for lag in LAGS if lag <= len(seen)]
    found = [before.correction + change for before, change in compared if change is not None]
    return KEPT * sum(found) / len(found) if found else 0.0


def change_between(before: Glance, after: Glance) -> float | None:
    """The change of log disparity that no motion explains; None if the frames show different scenes."""
    if before.gray.shape != after.gray.shape:
        return None
    grays = before.gray.astype(np.float64), after.gray.astype(np.float64)
    shift = shift_between(*grays)
    zoom = zoom_between(*grays, shift)
    height, width = before.gray.shape
    rows, from_rows = _places(height, shift[1], zoom)
    columns, from_columns = _places(width, shift[0], zoom)
    if 4 * len(rows) * len(columns) < height * width:
        return None
    old, new = np.ix_(rows, columns), np.ix_(from_rows, from_columns)
    if not np.corrcoef(grays[0][old].ravel(), grays[1][new].ravel())[0, 1] >= LIKE:  # NaN where one is even
        return None
    ratios = after.disparity[new].astype(np.float64) - before.disparity[old]
    ratios = ratios[np.isfinite(ratios)]
    change = robust_mean(ratios)
    if change is None or np.subtract(*np.quantile(ratios, [0.75, 0.25])) > SPREAD:
        return None
    return change - zoom


def _places(size: int, shift: int, zoom: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows or columns of the frame before that are seen in the one after, and where."""
    places = np.arange(size)
    moved = np.floor((places + 0.5 - size / 2) * math.exp(zoom) + size / 2 + shift).astype(np.int64)
    inside = (moved >= 0) & (moved < size)
    return places[inside], moved[inside]


def log_disparity(gaussians: Gaussians, rows: int, columns: int) -> npt.NDArray[np.float16]:
    """(rows, columns) medians of log 1 / z of what a photo's splat shows in front; NaN where that is nothing."""
    means, solid = front_of(gaussians)
    camera = gaussians.camera
    z = means[:, 2]
    good = (z > 0) & solid
    if camera is None or not good.any():
        return np.full((rows, columns), np.nan, np.float16)
    u = (means[good, 0] / z[good] * camera.focal_px / camera.width + 0.5) * columns
    v = (means[good, 1] / z[good] * camera.focal_px / camera.height + 0.5) * rows
    inside = (u >= 0) & (u < columns) & (v >= 0) & (v < rows)
    cells = np.where(inside, np.floor(v) * columns + np.floor(u), -1).astype(np.int64)
    medians: Floats = bin_medians(cells, -np.log(z[good]), rows * columns)
    return medians.reshape(rows, columns).astype(np.float16)


def save_glance(path: Path, glance: Glance, key: str) -> None:
    """Write what is remembered of a frame, for a run that goes on later.

    Args:
        key: of what the frame is made; :func:`load_glance` asks for it.
    """
    with atomic_write(path, durable=False) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            gray=glance.gray,
            disparity=glance.disparity,
            correction=np.float64(glance.correction),
            key=np.array(key),
        )


def load_glance(path: Path, key: str) -> Glance | None:
    """Read what :func:`save_glance` wrote; None if it is not there, damaged, or of another key."""
    try:
        with np.load(path) as found:
            if str(found["key"]) != key:
                return None
            return Glance(found["gray"], found["disparity"], float(found["correction"]))
    except Exception:  # a damaged archive raises errors of many kinds
        return None
