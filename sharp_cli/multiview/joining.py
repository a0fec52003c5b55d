"""Several placed splats as one: each surface is shown by the photo that sees it best.

1. A Gaussian in front of what a more central photo sees, or two others, is dropped: they see through it.
2. A Gaussian on a surface that a more central photo sees too gives way, unless its own resolution is much higher. The
   transition is a fade of opacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sharp_cli.gaussians.fitting import keep, together
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.gaussians.transform import transform
from sharp_cli.multiview.disparity import Affine
from sharp_cli.multiview.posed import PosedPhoto

NEAR = 0.12
"""Depths that differ by less, as a share, belong to one surface."""
BETTER = (0.5, 0.75)
"""Resolution of a more central photo over another's: below the first the other shows a surface, above the second the
more central one."""
SEEN_THROUGH = 2
"""Photos that must see through a Gaussian before it is dropped; a more central one suffices alone."""
BORDER = 0.03
"""Width of the fade at a picture's edges where another photo goes on, as a share of its side."""
LEAST_OPACITY = 0.02


@dataclass(frozen=True, eq=False)
class PlacedSplat:
    """A photo's splat in its camera's axes, in the cameras' unit, and what it shows."""

    posed: PosedPhoto
    gaussians: Gaussians
    depth: Tensor
    """(H, W) what its own camera sees; 0: nothing."""
    fit: Affine


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
        relative = torch.from_numpy(origin.axes_from(own.posed)).to(kept.means)
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
    relative = torch.from_numpy(other.posed.axes_from(own.posed)).to(means)
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
    u, v = places_of(splat.posed, points)
    columns, rows = (u * width).long().clamp(0, width - 1), (v * height).long().clamp(0, height - 1)
    depth = splat.depth[None, None]
    known = torch.where(depth > 0, depth, torch.inf)
    nearest = -torch.nn.functional.max_pool2d(-known, 5, stride=1, padding=2)[0, 0][rows, columns]
    farthest = torch.nn.functional.max_pool2d(depth, 5, stride=1, padding=2)[0, 0][rows, columns]
    inside = (points[:, 2] > 0) & (u > 0) & (u < 1) & (v > 0) & (v < 1) & nearest.isfinite()
    return nearest, farthest, inside


def _inward(own: PlacedSplat, means: Tensor) -> Tensor:
    """(N,) 0 at the edges of the photo, 1 from ``BORDER`` on inward."""
    u, v = places_of(own.posed, means)
    edge = torch.stack([u, 1 - u, v, 1 - v]).amin(dim=0)
    return (edge / BORDER).clamp(0, 1)


def places_of(posed: PosedPhoto, points: Tensor) -> tuple[Tensor, Tensor]:
    """Where a photo sees points in its camera's axes, as shares of its sides."""
    photo = posed.photo
    z = points[:, 2].clamp(min=1e-9)
    u = points[:, 0] / z * photo.focal_px / photo.width + 0.5
    v = points[:, 1] / z * photo.focal_px / photo.height + 0.5
    return u, v
