"""Disparity of a posed photo by others: how well its patches fit theirs, plane by plane, and the smoothest good choice.

Fronto-parallel planes of one photo are projected into the others. A pixel's patch is compared at every plane by
zero-mean normalized cross-correlation. Among the planes that fit, :mod:`semiglobal` prefers those of the neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from sharp_cli.multiview.posed import Floats, PosedPhoto
from sharp_cli.multiview.semiglobal import smooth_cost

LONG_SIDE = 384
"""Of the pictures that are compared [px]."""
PLANES = 160
WIDEST = 0.5
"""Largest shift that is looked for, as a share of the long side."""
WINDOW = 7
"""Side of the patches [px]."""
LEAST_SCORE = 0.7
CLEAR = 0.9
"""Scores that chance does not reach."""
RELATED = 0.02
"""Share of the pixels that must fit clearly somewhere: else another photo shows other things, and would blur."""
LEAST_CONTRAST = 3.0
"""Standard deviation in a patch [of 255]."""


def measure(own: PosedPhoto, others: Sequence[PosedPhoto]) -> Floats:
    """Find the disparity of a photo's pixels by others.

    Returns:
        (H, W) 1 / z in the cameras' unit, at the size of comparison. NaN where nothing fits well, so mostly where the
        photos do not overlap, or show nothing with texture.
    """
    gray, K = _gray(own)
    relatives = [other.axes_from(own) for other in others]
    baselines = [float(np.linalg.norm(relative[:3, 3])) for relative in relatives]
    apart = sorted(baseline for baseline in baselines if baseline > 0)
    if not apart:
        return np.full(gray.shape, np.nan)
    largest = WIDEST * max(gray.shape) / (K[0, 0] * apart[(len(apart) - 1) // 2])
    planes = np.linspace(0, largest, PLANES)
    scores = [
        _scores(gray, _gray(other), K, relative, planes)
        for other, relative, baseline in zip(others, relatives, baselines, strict=True)
        if baseline > 0
    ]
    scores = [each for each in scores if (each.nan_to_num(nan=-1.0).amax(dim=0) >= CLEAR).float().mean() >= RELATED]
    if not scores:
        return np.full(gray.shape, np.nan)
    total = smooth_cost(1 - torch.stack(scores).nanmean(dim=0).nan_to_num(nan=0.0), gray)
    at = total.argmin(dim=0, keepdim=True)
    best = torch.stack([each.nan_to_num(nan=-1.0).gather(0, at)[0] for each in scores]).amax(dim=0)
    sure = (best >= LEAST_SCORE) & (at[0] > 0) & (at[0] < PLANES - 1) & (_moments(gray)[1] >= LEAST_CONTRAST)
    before, top, after = (total.gather(0, (at + step).clamp(0, PLANES - 1))[0] for step in (-1, 0, 1))
    offset = (0.5 * (before - after) / (before - 2 * top + after).clamp(min=1e-6)).clamp(-0.5, 0.5)
    disparity = (at[0] + offset).double() * (planes[1] - planes[0])
    found: Floats = torch.where(sure & (disparity > 0), disparity, torch.nan).numpy()
    return found


def _gray(posed: PosedPhoto) -> tuple[Tensor, Floats]:
    """(H, W) luma of 0..255 at the size of comparison, and its intrinsics."""
    width, height, K = posed.reduced(LONG_SIDE)
    image = Image.fromarray(posed.photo.pixels).convert("L").resize((width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image, np.float32)), K


def _scores(gray: Tensor, other: tuple[Tensor, Floats], K: Floats, relative: Floats, planes: Floats) -> Tensor:
    """(P, H, W) correlation of each pixel's patch with another photo's at each plane; NaN outside of it."""
    image, other_K = other
    height, width = gray.shape
    y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    rays = np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
    start = torch.from_numpy(other_K @ relative[:3, :3] @ np.linalg.inv(K) @ rays).float()
    along = torch.from_numpy(other_K @ relative[:3, 3]).float()[:, None]
    mean, deviation = _moments(gray)
    size = torch.tensor([[image.shape[1]], [image.shape[0]]], dtype=torch.float32)
    scores = torch.empty(len(planes), height, width)
    for index, plane in enumerate(planes):
        there = start + along * float(plane)
        grid = there[:2] / there[2:].clamp(min=1e-6) / size * 2 - 1
        inside = ((grid.abs() < 1).all(dim=0) & (there[2] > 0)).view(height, width)
        warped = F.grid_sample(image[None, None], grid.T.reshape(1, height, width, 2), align_corners=False)[0, 0]
        mean_w, deviation_w = _moments(warped)
        product = _box(gray * warped) - mean * mean_w
        scores[index] = torch.where(inside, product / (deviation * deviation_w).clamp(min=1.0), torch.nan)
    return scores


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    mean = _box(image)
    return mean, (_box(image * image) - mean * mean).clamp(min=0).sqrt()


def _box(image: Tensor) -> Tensor:
    padded = F.pad(image[None, None], (WINDOW // 2,) * 4, mode="replicate")[0, 0]
    height, width = image.shape
    rows = padded[:height].clone()  # sums of slices: several times as fast as a pooling of this size
    for step in range(1, WINDOW):
        rows += padded[step : step + height]
    sums = rows[:, :width].clone()
    for step in range(1, WINDOW):
        sums += rows[:, step : step + width]
    return sums / WINDOW**2
