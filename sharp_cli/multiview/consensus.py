"""What several photos say about the disparity of each, as far as they agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sharp_cli.multiview.posed import Floats, PosedPhoto
from sharp_cli.multiview.sweep import LONG_SIDE, measure

NEIGHBORS = 3
"""Photos that each photo is compared with, the nearest ones."""
ASTRAY = 1.5
"""How far apart two photos may see a point in one of them [px]."""


def measure_photos(photos: Sequence[PosedPhoto]) -> list[Floats]:
    """(H, W) measured disparity of each photo, in the cameras' unit, at the size of comparison; NaN: not known."""
    nearest = [_neighbors(photos, index) for index in range(len(photos))]
    measured = [measure(photos[i], [photos[j] for j in near]) for i, near in enumerate(nearest)]
    return [
        confirmed(photos[i], measured[i], [(photos[j], measured[j]) for j in near]) for i, near in enumerate(nearest)
    ]


def confirmed(own: PosedPhoto, disparity: Floats, others: Sequence[tuple[PosedPhoto, Floats]]) -> Floats:
    """A photo's disparity where at least one of the others measured the same point; NaN elsewhere."""
    agreed = np.zeros(disparity.shape, bool)
    for other, theirs in others:
        agreed |= _agrees(own, disparity, other, theirs)
    return np.where(agreed, disparity, np.nan)


def _agrees(own: PosedPhoto, disparity: Floats, other: PosedPhoto, theirs: Floats) -> np.ndarray:
    """(H, W) where another photo measured the same points."""
    _, _, K = own.reduced(LONG_SIDE)
    _, _, other_K = other.reduced(LONG_SIDE)
    (height, width), (rows, columns) = disparity.shape, theirs.shape
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    relative = other.axes_from(own)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(K).T
    points = rays / disparity[..., None] @ relative[:3, :3].T + relative[:3, 3]
    seen = points @ other_K.T
    with np.errstate(all="ignore"):
        u, v = np.moveaxis(np.floor(np.nan_to_num(seen[..., :2] / seen[..., 2:], nan=-1, posinf=-1, neginf=-1)), -1, 0)
        inside = (seen[..., 2] > 0) & (u >= 0) & (u < columns) & (v >= 0) & (v < rows)
        known = theirs[np.where(inside, v, 0).astype(int), np.where(inside, u, 0).astype(int)]
        shift = np.abs(known - 1 / points[..., 2]) * other_K[0, 0] * np.linalg.norm(relative[:3, 3])
    agreed: np.ndarray = inside & (shift <= ASTRAY)  # not where nothing was measured: NaN
    return agreed


def _neighbors(photos: Sequence[PosedPhoto], index: int) -> list[int]:
    """The photos that were taken nearest to one, in about its direction."""
    own = photos[index]

    def away(other: int) -> float:
        turned = own.viewmat[2, :3] @ photos[other].viewmat[2, :3]
        return float(np.linalg.norm(photos[other].eye - own.eye) * (2 - turned))

    return sorted((other for other in range(len(photos)) if other != index), key=away)[:NEIGHBORS]
