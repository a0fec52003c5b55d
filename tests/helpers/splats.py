"""Splats for tests of file formats and fitting."""

from __future__ import annotations

import torch

from sharp_cli.formats.columns import SplatColumns
from sharp_cli.formats.stored import StoredSplat, as_stored
from sharp_cli.gaussians.gaussians import Camera, Gaussians


def random_splat(count: int = 300, degree: int = 0, seed: int = 0) -> Gaussians:
    """Gaussians of ordinary sizes around the origin, without a camera."""
    rng = torch.Generator().manual_seed(seed)
    sh = torch.randn(count, (degree + 1) ** 2 - 1, 3, generator=rng) * 0.1 if degree else None
    return Gaussians(
        means=torch.randn(count, 3, generator=rng) * 3,
        scales=torch.exp(torch.randn(count, 3, generator=rng) - 4),
        quats=torch.randn(count, 4, generator=rng),
        opacities=torch.rand(count, generator=rng),
        colors=torch.rand(count, 3, generator=rng),
        sh=sh,
    )


def columns_of(splat: Gaussians | StoredSplat) -> SplatColumns:
    """What a writer stores of a splat."""
    return as_stored(splat).columns.to_write()


def grid_splat(side: int = 16, size: int = 64) -> Gaussians:
    """Two layers of a square grid, as the predictor makes them: a colorful wall 2 m away and a gray one behind it."""
    focal = float(size)
    at = (torch.arange(side) + 0.5) / side * size - size / 2
    y, x = torch.meshgrid(at, at, indexing="ij")
    layers, colors = [], []
    for depth in (2.0, 3.0):
        layers.append(torch.stack([x / focal * depth, y / focal * depth, torch.full_like(x, depth)], -1).reshape(-1, 3))
    ramp = torch.stack([(x - x.min()) / size, (y - y.min()) / size, torch.full_like(x, 0.5)], -1).reshape(-1, 3)
    colors = [0.2 + 0.6 * ramp, torch.full_like(ramp, 0.3)]
    means = torch.cat(layers)
    spread = means[:, 2:] / focal * size / side * 0.6
    return Gaussians(
        means=means,
        scales=torch.cat([spread, spread, 0.1 * spread], dim=1),
        quats=torch.tensor([[1.0, 0, 0, 0]]).expand(len(means), 4).clone(),
        opacities=torch.full((len(means),), 0.9),
        colors=torch.cat(colors),
        camera=Camera(size, size, focal),
    )


def hostile_splat() -> Gaussians:
    """Values at the ends of what files can hold: opacities 0 and 1, scales e^±20, a million meters, no rotation."""
    gaussians = random_splat(64, seed=3)
    gaussians.opacities[:4] = torch.tensor([0.0, 1.0, 1e-7, 1 - 1e-7])
    gaussians.scales[:3] = torch.exp(torch.tensor([[-20.0, 0, 20], [20, 20, 20], [-20, -20, -20]]))
    gaussians.scales[3] = 0.0
    gaussians.means[:2] = torch.tensor([[1e6, -1e6, 1e6], [-1e6, 0, 0]])
    gaussians.quats[5] = 0.0
    gaussians.colors[:2] = torch.tensor([[0.0, 1, 0], [4, 0, 0]])
    return gaussians
