"""A photo on a wavy surface: an opaque splat with known depth and colors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sharp_cli import Camera, Gaussians
from sharp_cli.gaussians.color import srgb_to_linear

WIDTH, HEIGHT = 256, 170


def make_relief(photo: Path) -> Gaussians:
    """One Gaussian per pixel, 256 × 170, at 1.7 to 3.3 m, of three different widths and slightly turned."""
    with Image.open(photo) as image:
        pixels = np.array(image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))
    focal_px = 0.9 * WIDTH
    v, u = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    z = 2.5 + 0.8 * torch.sin(u / WIDTH * 5) * torch.cos(v / HEIGHT * 4)
    means = torch.stack([(u - WIDTH / 2) / focal_px * z, (v - HEIGHT / 2) / focal_px * z, z], -1).view(-1, 3)
    turns = torch.randn(len(means), 4, generator=torch.Generator().manual_seed(0)) * 0.3
    return Gaussians(
        means=means,
        scales=means[:, 2:] / focal_px * torch.tensor([0.8, 0.9, 0.4]),
        quats=turns + torch.tensor([1.0, 0.0, 0.0, 0.0]),
        opacities=torch.full((len(means),), 0.95),
        colors=srgb_to_linear(torch.from_numpy(pixels).view(-1, 3) / 255),
        camera=Camera(WIDTH, HEIGHT, focal_px),
        facts={"license": "for <research> only"},
    )
