"""Measured disparity between posed photos: a plane sweep that keeps only what it is sure of.

Fronto-parallel planes of one photo are projected into another. A pixel's patch is compared at every plane by zero-mean
normalized cross-correlation. Pixels count whose best plane is clearly better than all others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from sharp_cli.multiview.posed import Floats, PosedPhoto

LONG_SIDE = 384
"""Of the pictures that are compared [px]."""
PLANES = 160
WIDEST = 0.5
"""Largest shift that is looked for, as a share of the long side."""
WINDOW = 9
"""Side of the patches [px]."""
LEAST_SCORE = 0.85
LEAST_LEAD = 0.04
"""Of the best plane over the best one that is not beside it."""
LEAST_CONTRAST = 4.0
"""Standard deviation in a patch [of 255]."""
BESIDE = 4
"""Planes to either side that belong to the same peak."""
MOST = 20_000


class Measured(NamedTuple):
    """Pixels of a photo whose disparity was measured."""

    places: Floats
    """(M, 2) x and y as shares of the photo's width and height, 0..1."""
    disparity: Floats
    """(M,) 1 / z in the cameras' unit."""


def measure(first: PosedPhoto, second: PosedPhoto) -> Measured:
    """Find the disparity of pixels of the first photo by the second.

    Returns:
        Few or no pixels if the photos do not overlap, or show nothing with texture.
    """
    gray, K = _gray(first)
    other, other_K = _gray(second)
    relative = second.viewmat @ np.linalg.inv(first.viewmat)
    baseline = float(np.linalg.norm(relative[:3, 3]))
    if baseline <= 0:
        return Measured(np.empty((0, 2)), np.empty(0))
    largest = WIDEST * max(gray.shape) / (K[0, 0] * baseline)
    planes = np.linspace(0, largest, PLANES)
    scores = _scores(gray, other, K, other_K, relative, planes)
    best, at = scores.max(dim=0)
    index = torch.arange(PLANES)[:, None, None]
    rival = scores.masked_fill((index - at).abs() <= BESIDE, -1).amax(dim=0)
    sure = (best >= LEAST_SCORE) & (best - rival >= LEAST_LEAD) & (at > 0) & (at < PLANES - 1)
    sure &= _contrast(gray) >= LEAST_CONTRAST
    rows, columns = np.nonzero(sure.numpy())
    if len(rows) > MOST:
        chosen = np.linspace(0, len(rows) - 1, MOST).astype(int)
        rows, columns = rows[chosen], columns[chosen]
    peak = at[rows, columns].numpy()
    before, top, after = (scores.numpy()[peak + step, rows, columns] for step in (-1, 0, 1))
    bend = before - 2 * top + after
    offset = np.where(bend < -1e-6, 0.5 * (before - after) / np.where(bend < -1e-6, bend, -1), 0).clip(-0.5, 0.5)
    height, width = gray.shape
    places = np.stack([(columns + 0.5) / width, (rows + 0.5) / height], axis=1)
    return Measured(places, (peak + offset) * (planes[1] - planes[0]))


def _gray(posed: PosedPhoto) -> tuple[Tensor, Floats]:
    """(H, W) luma of 0..255 at the size of comparison, and its intrinsics."""
    width, height, K = posed.reduced(LONG_SIDE)
    image = Image.fromarray(posed.photo.pixels).convert("L").resize((width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image, np.float32)), K


def _scores(gray: Tensor, other: Tensor, K: Floats, other_K: Floats, relative: Floats, planes: Floats) -> Tensor:
    """(P, H, W) correlation of each pixel's patch with the other photo's at each plane; -1 outside of it."""
    height, width = gray.shape
    y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    rays = np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
    start = torch.from_numpy(other_K @ relative[:3, :3] @ np.linalg.inv(K) @ rays).float()
    along = torch.from_numpy(other_K @ relative[:3, 3]).float()[:, None]
    mean, deviation = _moments(gray)
    scores = torch.full((len(planes), height, width), -1.0)
    size = torch.tensor([[other.shape[1]], [other.shape[0]]], dtype=torch.float32)
    for index, plane in enumerate(planes):
        seen = start + along * float(plane)
        grid = seen[:2] / seen[2:].clamp(min=1e-6) / size * 2 - 1
        inside = ((grid.abs() < 1).all(dim=0) & (seen[2] > 0)).view(height, width)
        warped = F.grid_sample(other[None, None], grid.T.reshape(1, height, width, 2), align_corners=False)[0, 0]
        mean_w, deviation_w = _moments(warped)
        product = _box(gray * warped) - mean * mean_w
        score = product / (deviation * deviation_w).clamp(min=1.0)
        scores[index] = torch.where(inside, score, -1.0)
    return scores


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    mean = _box(image)
    return mean, (_box(image * image) - mean * mean).clamp(min=0).sqrt()


def _contrast(image: Tensor) -> Tensor:
    return _moments(image)[1]


def _box(image: Tensor) -> Tensor:
    padded = F.pad(image[None, None], (WINDOW // 2,) * 4, mode="replicate")
    return F.avg_pool2d(padded, WINDOW, stride=1)[0, 0]
