"""From posed photos to one splat: fit each photo's depth, then let each surface be shown by who sees it best.

1. Each photo is predicted alone. Its disparity is fitted to what the photos measure together (:mod:`sweep`).
2. A Gaussian in front of what a more central photo sees, or two others, is dropped: they see through it.
3. A Gaussian on a surface that a more central photo sees too gives way, unless its own resolution is much higher. The
   transition is a fade of opacity.

Steps 1 to 3 move and fade Gaussians along their own photo's rays, so each photo's own view changes little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.fitting import keep, together
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.gaussians.transform import transform
from sharp_cli.multiview.disparity import Affine, correction, fit_affine, grid_size
from sharp_cli.multiview.posed import Floats, PosedPhoto
from sharp_cli.multiview.sweep import LONG_SIDE, Measured, measure
from sharp_cli.photo import Photo
from sharp_cli.render.rasterizer import rasterize

NEIGHBORS = 3
"""Photos that each photo is compared with, the nearest ones."""
NEAR = 0.12
"""Depths that differ by less, as a share, belong to one surface."""
BETTER = (0.5, 0.75)
"""Resolution of a more central photo over another's: below the first the other shows a surface, above the second the
more central one."""
SEEN_THROUGH = 2
"""Photos that must see through a Gaussian before it is dropped; a more central one suffices alone."""
LEAST_MEASURED = 0.01
"""Pixels whose disparity must be measured, as a share: chance finds half of that."""
BORDER = 0.03
"""Width of the fade at a picture's edges where another photo goes on, as a share of its side."""
FARTHEST = 1e4
"""Of the nearest depth: where to put what the fit would place behind the camera's infinity."""
LEAST_OPACITY = 0.02


@dataclass(frozen=True, eq=False)
class PlacedSplat:
    """A photo's splat in its camera's axes, in the cameras' unit, and what it shows."""

    posed: PosedPhoto
    gaussians: Gaussians
    depth: Tensor
    """(H, W) what its own camera sees; 0: nothing."""
    fit: Affine


def merge_photos(
    photos: Sequence[PosedPhoto],
    predict: Callable[[Photo], Gaussians],
    *,
    note: Callable[[str], None] = lambda text: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Gaussians:
    """Make one splat of several posed photos.

    Args:
        predict: such as :meth:`sharp_cli.predictor.Predictor.predict`.
        note: called with one sentence for each photo that cannot be used.
        progress: called with the number of finished photos and of all.

    Returns:
        Gaussians in the first usable photo's axes, in the cameras' unit.

    Raises:
        SharpError: fewer than two photos overlap.
    """
    placed: list[PlacedSplat] = []
    for index, posed in enumerate(photos):
        splat = predict(posed.photo).to("cpu")
        found = place(posed, splat, measured_by_others(photos, index))
        if found is None:
            note(f"{posed.name} is left out: it shares too little with the other photos")
        else:
            placed.append(found)
        progress(index + 1, len(photos))
    if len(placed) < 2:
        raise SharpError(f"only {len(placed)} of {len(photos)} photos overlap (use photos of the same things)")
    return join(placed)


def measured_by_others(photos: Sequence[PosedPhoto], index: int) -> list[Measured]:
    """The disparity of one photo by each of its neighbors."""
    own = photos[index]
    others = sorted(
        (other for other in photos if other is not own),
        key=lambda other: float(np.linalg.norm(other.eye - own.eye)) * (2 - own.viewmat[2, :3] @ other.viewmat[2, :3]),
    )
    return [measure(own, other) for other in others[:NEIGHBORS]]


@torch.inference_mode()
def place(posed: PosedPhoto, gaussians: Gaussians, measured: Sequence[Measured]) -> PlacedSplat | None:
    """Fit a photo's splat to measured disparities; None if they do not suffice."""
    depth = own_depth(posed, gaussians)
    height, width = depth.shape
    if sum(len(each.disparity) for each in measured) < LEAST_MEASURED * height * width:
        return None
    places = np.concatenate([each.places for each in measured])
    disparity = np.concatenate([each.disparity for each in measured])
    columns = (places[:, 0] * width).astype(int).clip(0, width - 1)
    rows = (places[:, 1] * height).astype(int).clip(0, height - 1)
    seen = depth.numpy().astype(np.float64)[rows, columns]
    predicted = np.divide(1.0, seen, out=np.full_like(seen, np.nan), where=seen > 0)
    fit = fit_affine(predicted, disparity)
    if fit is None:
        return None
    moved = apply_fit(gaussians, fit)
    fitted = fit.a * predicted + fit.b
    ratios = np.log(disparity / np.where(fitted > 0, fitted, np.nan))
    field = correction(places, ratios, *grid_size(width, height))
    moved = _apply_correction(posed, moved, field)
    return PlacedSplat(posed, moved, own_depth(posed, moved), fit)


def apply_fit(gaussians: Gaussians, fit: Affine) -> Gaussians:
    """Move Gaussians along their rays from the camera so that their disparity becomes a / z + b."""
    z = gaussians.means[:, 2].double().clamp(min=1e-9)
    disparity = fit.a / z + fit.b
    least = float(disparity.max()) / FARTHEST
    factor = (1 / disparity.clamp(min=max(least, 1e-12)) / z).to(gaussians.means)[:, None]
    return replace(gaussians, means=gaussians.means * factor, scales=gaussians.scales * factor)


def _apply_correction(posed: PosedPhoto, gaussians: Gaussians, field: Floats) -> Gaussians:
    """Move Gaussians along their rays by a map of log disparity ratios over the photo."""
    u, v = _places(posed, gaussians.means)
    grid = torch.stack([u, v], dim=1)[None, None] * 2 - 1
    image = torch.from_numpy(field).to(gaussians.means)[None, None]
    ratio = torch.nn.functional.grid_sample(image, grid, padding_mode="border", align_corners=False)[0, 0, 0]
    factor = torch.exp(-ratio)[:, None]
    return replace(gaussians, means=gaussians.means * factor, scales=gaussians.scales * factor)


def own_depth(posed: PosedPhoto, gaussians: Gaussians) -> Tensor:
    """(H, W) depth that the photo's own camera sees, at the size of comparison; 0 where that is nothing."""
    width, height, intrinsics = posed.reduced(LONG_SIDE)
    K = torch.from_numpy(intrinsics).float()
    nearest = float(gaussians.means[:, 2].clamp(min=1e-9).quantile(0.001)) if len(gaussians) < 1 << 24 else 1.0
    seen = rasterize(
        gaussians.means,
        gaussians.opacities,
        gaussians.colors,
        torch.eye(4)[None],
        K[None],
        width,
        height,
        quats=gaussians.quats,
        scales=gaussians.scales,
        near=nearest / 10,
        backend="cpu",
    )
    return torch.where(seen.alpha[0] > 0.5, seen.depth[0], 0.0)


@torch.inference_mode()
def join(placed: Sequence[PlacedSplat]) -> Gaussians:
    """Let each surface be shown by who sees it best, and put everything into the first photo's axes."""
    origin = placed[0].posed
    eyes = np.stack([each.posed.eye for each in placed])
    away = np.linalg.norm(eyes[:, None] - eyes, axis=2).sum(axis=1)
    rank = np.argsort(np.argsort(away, kind="stable"), kind="stable")
    parts = []
    for index, own in enumerate(placed):
        stays, votes = torch.ones(len(own.gaussians)), torch.zeros(len(own.gaussians))
        for j, other in enumerate(placed):
            if j != index:
                before = bool(rank[j] < rank[index])
                share, through = _share(own, other, before=before)
                stays = torch.minimum(stays, share)
                votes += through * (SEEN_THROUGH if before else 1)
        opacities = own.gaussians.opacities * torch.where(votes >= SEEN_THROUGH, 0.0, stays)
        kept = keep(replace(own.gaussians, opacities=opacities), opacities >= LEAST_OPACITY)
        relative = torch.from_numpy(origin.viewmat @ np.linalg.inv(own.posed.viewmat)).to(kept.means)
        means, scales, quats = transform(kept.means, kept.scales, kept.quats, relative[:3, :3])
        parts.append(replace(kept, means=means + relative[:3, 3], scales=scales, quats=quats))
    photo = origin.photo
    facts = {**parts[0].facts, "focal_from": photo.focal_source, "photos": str(len(placed))}
    return replace(together(parts), camera=Camera(photo.width, photo.height, photo.focal_px), facts=facts)


def _share(own: PlacedSplat, other: PlacedSplat, *, before: bool) -> tuple[Tensor, Tensor]:
    """(N,) how much of each Gaussian's opacity stays beside another photo, 0..1; and whether that sees through it.

    Args:
        before: the other photo is more central, so it wins where both see a surface equally well.
    """
    means = own.gaussians.means
    relative = torch.from_numpy(other.posed.viewmat @ np.linalg.inv(own.posed.viewmat)).to(means)
    there = means @ relative[:3, :3].T + relative[:3, 3]
    nearest, farthest, inside = _seen_around(other, there)
    hidden = means[:, 2] > (1 + NEAR) * _seen_around(own, means)[1]
    z = there[:, 2]
    through = inside & (z < (1 - NEAR) * nearest)
    shared = inside & (z >= (1 - NEAR) * nearest) & (z <= (1 + NEAR) * farthest)
    resolution = own.posed.photo.focal_px / means[:, 2].clamp(min=1e-9)
    others = other.posed.photo.focal_px / z.clamp(min=1e-9)
    low, high = (1 / BETTER[1], 1 / BETTER[0]) if before else BETTER
    fade = ((resolution / others - low) / (high - low)).clamp(0, 1)
    fade = fade * _inward(own, means)
    return torch.where(shared, torch.where(hidden, 0.0, fade), 1.0), through


def _seen_around(splat: PlacedSplat, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest and farthest depth that a photo sees around points in its camera's axes, and which it sees at all."""
    height, width = splat.depth.shape
    u, v = _places(splat.posed, points)
    columns, rows = (u * width).long().clamp(0, width - 1), (v * height).long().clamp(0, height - 1)
    depth = splat.depth[None, None]
    known = torch.where(depth > 0, depth, torch.inf)
    nearest = -torch.nn.functional.max_pool2d(-known, 5, stride=1, padding=2)[0, 0][rows, columns]
    farthest = torch.nn.functional.max_pool2d(depth, 5, stride=1, padding=2)[0, 0][rows, columns]
    inside = (points[:, 2] > 0) & (u > 0) & (u < 1) & (v > 0) & (v < 1) & nearest.isfinite()
    return nearest, farthest, inside


def _inward(own: PlacedSplat, means: Tensor) -> Tensor:
    """(N,) 0 at the edges of the photo, 1 from ``BORDER`` on inward."""
    u, v = _places(own.posed, means)
    edge = torch.stack([u, 1 - u, v, 1 - v]).amin(dim=0)
    return (edge / BORDER).clamp(0, 1)


def _places(posed: PosedPhoto, points: Tensor) -> tuple[Tensor, Tensor]:
    """Where a photo sees points in its camera's axes, as shares of its sides."""
    photo = posed.photo
    z = points[:, 2].clamp(min=1e-9)
    u = points[:, 0] / z * photo.focal_px / photo.width + 0.5
    v = points[:, 1] / z * photo.focal_px / photo.height + 0.5
    return u, v
