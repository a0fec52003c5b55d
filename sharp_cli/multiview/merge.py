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
from PIL import Image
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.fitting import grid_side, keep, scaled, together
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.gaussians.transform import transform
from sharp_cli.multiview.consensus import measure_photos
from sharp_cli.multiview.disparity import Affine, Surroundings, correction, fit_affine, fit_scale
from sharp_cli.multiview.posed import Floats, PosedPhoto
from sharp_cli.multiview.seams import SOLID
from sharp_cli.multiview.sweep import LONG_SIDE
from sharp_cli.photo import Photo
from sharp_cli.render.rasterizer import rasterize

NEAR = 0.12
"""Depths that differ by less, as a share, belong to one surface."""
BETTER = (0.5, 0.75)
"""Resolution of a more central photo over another's: below the first the other shows a surface, above the second the
more central one."""
SEEN_THROUGH = 2
"""Photos that must see through a Gaussian before it is dropped; a more central one suffices alone."""
LEAST_MEASURED = 0.01
"""Pixels whose disparity must be measured, as a share."""
BORDER = 0.03
"""Width of the fade at a picture's edges where another photo goes on, as a share of its side."""
FARTHEST = 1e4
"""Of the nearest depth: where to put what the fit would place behind the camera's infinity."""
LEAST_OPACITY = 0.02
REACH = 2.0
"""How far a Gaussian reaches, in its scales."""
REACHES = (1, 2, 4, 8, 16, 32)
"""Distances that this is rounded up to [px]."""
OPAQUE = 0.95
"""A surface's opacity for its depth: through a fainter one, the depth behind would mix in."""


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
    for index, (posed, measured) in enumerate(zip(photos, measure_photos(photos), strict=True)):
        splat = predict(posed.photo).to("cpu")
        found = place(posed, splat, measured)
        if found is None:
            note(f"{posed.name} is left out: it shares too little with the other photos")
        else:
            placed.append(found)
        progress(index + 1, len(photos))
    if len(placed) < 2:
        raise SharpError(f"only {len(placed)} of {len(photos)} photos overlap (use photos of the same things)")
    return join(placed)


@torch.inference_mode()
def place(posed: PosedPhoto, gaussians: Gaussians, measured: Floats) -> PlacedSplat | None:
    """Fit a photo's splat to measured disparities, of :func:`measure_photos`; None if they do not suffice."""
    front = front_layer(gaussians)
    known = np.isfinite(measured)
    if known.mean() < LEAST_MEASURED:
        return None
    z = own_depth(posed, front).double().numpy()
    predicted = np.divide(1.0, z, out=np.full_like(z, np.nan), where=z > 0)
    fit = fit_affine(predicted[known], measured[known]) or fit_scale(predicted[known], measured[known])
    if fit is None:
        return None
    factor = fit_factor(front, fit)
    fitted = scaled(front, factor)
    factor = factor * torch.exp(-_corrections(posed, fitted, measured))
    fitted = scaled(front, factor)
    depth = own_depth(posed, fitted)
    if len(front) < len(gaussians):
        back = scaled(keep(gaussians, torch.arange(len(front), len(gaussians))), factor)
        fitted = together([fitted, scaled(back, _behind(posed, back, depth))])
    return PlacedSplat(posed, fitted, depth, fit)


def front_layer(gaussians: Gaussians) -> Gaussians:
    """The predictor's first layer, or all if these are not its grids.

    The second layer follows the first: its Gaussians show what lies behind, at depths that no photo measured.
    """
    return gaussians if grid_side(gaussians) is None else keep(gaussians, torch.arange(len(gaussians) // 2))


def fit_factor(gaussians: Gaussians, fit: Affine) -> Tensor:
    """(N,) what to move Gaussians by along their rays so that their disparity becomes a / z + b."""
    z = gaussians.means[:, 2].double().clamp(min=1e-9)
    disparity = fit.a / z + fit.b
    least = float(disparity.max()) / FARTHEST
    return (1 / disparity.clamp(min=max(least, 1e-12)) / z).to(gaussians.means)


def _corrections(posed: PosedPhoto, gaussians: Gaussians, measured: Floats) -> Tensor:
    """(N,) log ratios of measured over fitted disparity."""
    depth = own_depth(posed, gaussians)
    seen = torch.where(depth > 0, depth, torch.nan)
    height, width = depth.shape
    picture = Image.fromarray(posed.photo.pixels).resize((width, height), Image.Resampling.BOX)
    around = Surroundings(
        -(torch.from_numpy(1 / measured).to(seen) / seen).log(),
        seen.nan_to_num(nan=1e9).log(),
        torch.from_numpy(np.array(picture)).movedim(-1, 0) / 255,
    )
    places = torch.stack(_places(posed, gaussians.means), dim=1)
    colors = linear_to_srgb(gaussians.colors.clamp(0, 1))
    return correction(around, places, gaussians.means[:, 2].clamp(min=1e-9).log(), colors)


def _behind(posed: PosedPhoto, gaussians: Gaussians, depth: Tensor) -> Tensor:
    """(N,) what to move the back layer's Gaussians by so that they lie behind all of the front that they reach over.

    They are large: once an edge of depth is sharp, those of the near side would stick out over the far side.
    """
    u, v = _places(posed, gaussians.means)
    z = gaussians.means[:, 2].clamp(min=1e-9)
    height, width = depth.shape
    columns, rows = (u * width).long().clamp(0, width - 1), (v * height).long().clamp(0, height - 1)
    reach = REACH * gaussians.scales.amax(dim=1) / z * posed.photo.focal_px * width / posed.photo.width
    farthest = z
    for pixels in REACHES:
        around = torch.nn.functional.max_pool2d(depth[None, None], 2 * pixels + 1, stride=1, padding=pixels)[0, 0]
        farthest = torch.where(reach > pixels / 2, torch.maximum(farthest, around[rows, columns]), farthest)
    return torch.where(farthest > z, 1.02 * farthest / z, 1.0)


def own_depth(posed: PosedPhoto, gaussians: Gaussians) -> Tensor:
    """(H, W) depth of a front layer, as the photo's own camera sees it, at the size of comparison; 0: nothing."""
    width, height, intrinsics = posed.reduced(LONG_SIDE)
    K = torch.from_numpy(intrinsics).float()
    nearest = float(gaussians.means[:, 2].clamp(min=1e-9).quantile(0.001)) if len(gaussians) < 1 << 24 else 1.0
    seen = rasterize(
        gaussians.means,
        torch.where(gaussians.opacities >= SOLID, OPAQUE, gaussians.opacities),
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
