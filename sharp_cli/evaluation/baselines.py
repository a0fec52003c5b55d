"""What needs no network: the photo as it is, and the photo on a plane. A novel view should look better than both.

Both start from what the predictor sees. What lies outside the photo continues its edge, which is far closer to the
truth than black would be, and leaves the predictor no cheap gain.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from sharp_cli.datasets.view_pair import ViewPair

Pixels = NDArray[np.uint8]


def photo_unchanged(pair: ViewPair) -> Pixels:
    """The photo taken for the novel view; resized where the views' sizes differ."""
    height, width = pair.novel.image.shape[:2]
    if pair.photo.shape[:2] == (height, width):
        return pair.photo
    resized = F.interpolate(_planes(pair.photo), (height, width), mode="bilinear", antialias=True)
    return _pixels(resized)


def photo_on_plane(pair: ViewPair, depth: float) -> Pixels:
    """The photo on a plane that faces the input camera, seen from the novel view.

    Args:
        depth: of the plane [m].
    """
    height, width = pair.novel.image.shape[:2]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    u, v, w = np.tensordot(homography_to_input(pair, depth), np.stack([x, y, np.ones_like(x)]), 1)
    w = np.maximum(w, 1e-9)  # behind the camera: far out, on the side to which the pixel looks
    size = np.array([pair.photo.shape[1], pair.photo.shape[0]])
    grid = 2.0 * np.clip(np.stack([u / w, v / w], axis=-1), -size, 2 * size) / size - 1.0
    seen = F.grid_sample(
        _planes(pair.photo), torch.from_numpy(grid.astype(np.float32))[None], padding_mode="border", align_corners=False
    )
    return _pixels(seen)


def homography_to_input(pair: ViewPair, depth: float) -> NDArray[np.float64]:
    """(3, 3) from the novel view's pixels to the input's, for points at a depth of the input [m].

    The inverse of K' (R + t nᵀ / depth) K⁻¹, with the plane's normal n = (0, 0, 1); scaled so that the third
    coordinate is positive for points in front of both cameras.
    """
    forward = pair.novel.viewmat[:3, :3].copy()
    forward[:, 2] += pair.novel.viewmat[:3, 3] / depth
    return np.linalg.inv(pair.novel.K @ forward @ np.linalg.inv(pair.input.K))


def median_depth(pair: ViewPair) -> float | None:
    """The input view's true median depth [m], of the pixels that have one; None if none has."""
    depth = pair.input.depth
    known = depth[np.isfinite(depth) & (depth > 0)]
    return float(np.median(known)) if known.size else None


def _planes(pixels: Pixels) -> torch.Tensor:
    return torch.tensor(pixels).permute(2, 0, 1)[None].float()


def _pixels(planes: torch.Tensor) -> Pixels:
    return planes[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()
