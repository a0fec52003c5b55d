"""Splats to move a camera around, and what the cameras see of them."""

from __future__ import annotations

import torch
from torch import Tensor

from sharp_cli.cameras.views import Views
from sharp_cli.gaussians.gaussians import Camera, Gaussians

PHOTO = Camera(640, 427, 550.0)


def splat_of(means: Tensor, camera: Camera | None = PHOTO, scale: float = 0.01, opacity: float = 1.0) -> Gaussians:
    count = len(means)
    return Gaussians(
        means=means.float(),
        scales=torch.full((count, 3), scale),
        quats=torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(count, 1),
        opacities=torch.full((count,), opacity),
        colors=torch.full((count, 3), 0.5),
        camera=camera,
    )


def cloud(center: tuple[float, float, float], extent: float = 1.0, count: int = 400) -> Tensor:
    """Points in a box of the given half extent."""
    random = torch.Generator().manual_seed(0)
    return (torch.rand(count, 3, generator=random) * 2 - 1) * extent + torch.tensor(center)


def eyes_of(views: Views) -> Tensor:
    return torch.linalg.inv(views.viewmats.double())[:, :3, 3]


def seen_at(views: Views, points: Tensor) -> Tensor:
    """(views, points, 2) pixels, and all points must be in front."""
    camera = torch.einsum("nij,pj->npi", views.viewmats[:, :3, :3].double(), points.double())
    camera = camera + views.viewmats[:, None, :3, 3]
    assert (camera[..., 2] > 0).all()
    projected = torch.einsum("nij,npj->npi", views.Ks.double(), camera)
    return projected[..., :2] / projected[..., 2:]
