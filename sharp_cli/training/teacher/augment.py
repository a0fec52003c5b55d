"""Every look at a picture differs: crops as longer lenses, flips, colors, blur, noise, JPEG."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)


def random_crops(count: int, smallest: float, whole: float = 0.3, stretch: float = 0.25) -> tuple[Tensor, Tensor]:
    """Draw crops, each flipped or not.

    Args:
        count: B.
        smallest: share of the side that a crop has at least.
        whole: how many of the pictures stay whole, 0..1.
        stretch: standard deviation of the log of a crop's aspect ratio.

    Returns:
        (B, 2, 3) maps for :func:`crop`, and (B,) shares of the width: disparity is divided by them.
    """
    share = torch.where(torch.rand(count) < whole, torch.ones(count), smallest + (1 - smallest) * torch.rand(count))
    aspect = (stretch * torch.randn(count)).clamp(-2 * stretch, 2 * stretch)
    width, height = ((share * (sign * aspect / 2).exp()).clamp(max=1) for sign in (1, -1))
    where = torch.zeros(count, 2, 3)
    where[:, 0, 0] = width * (1 - 2 * torch.randint(2, (count,)))
    where[:, 1, 1] = height
    where[:, 0, 2] = (2 * torch.rand(count) - 1) * (1 - width)
    where[:, 1, 2] = (2 * torch.rand(count) - 1) * (1 - height)
    return where, width


def crop(maps: Tensor, where: Tensor, side: int, mode: str = "bilinear") -> Tensor:
    """(B, C, side, side) crops of (B, C, H, W) maps."""
    grid = F.affine_grid(where, [len(maps), maps.shape[1], side, side], align_corners=False)
    return F.grid_sample(maps, grid, mode, "border", align_corners=False)


def recolor(images: Tensor, strength: float = 1.0) -> Tensor:
    """(B, 3, H, W) in [0, 1] with another gamma, white balance, brightness, contrast and saturation; some are gray."""
    count = len(images)

    def factor(spread: float, channels: int = 1) -> Tensor:
        return (strength * spread * torch.randn(count, channels, 1, 1)).exp()

    images = images.clamp(min=1e-4) ** factor(0.25) * factor(0.12, 3) * factor(0.15)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * factor(0.15)
    gray = (images * torch.tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)
    saturation = torch.where(torch.rand(count, 1, 1, 1) < 0.06, 0.0, factor(0.35))
    return (gray + (images - gray) * saturation).clamp(0, 1)


def degrade(images: Tensor, blurred: float = 0.35, noisy: float = 0.3, compressed: float = 0.2) -> Tensor:
    """(B, 3, S, S) in [0, 1] as poorer cameras take them: these shares of them blurred, noisy, compressed."""
    images = images.clone()
    for image in images:
        if torch.rand(()) < blurred:
            image.copy_(_blurred(image))
        if torch.rand(()) < noisy:
            image.add_(0.05 * torch.rand(()) * torch.randn_like(image)).clamp_(0, 1)
        if torch.rand(()) < compressed:
            image.copy_(_compressed(image))
    return images


def _blurred(image: Tensor) -> Tensor:
    side = image.shape[-1]
    small = max(8, int(side * (0.3 + 0.6 * float(torch.rand(())))))
    reduced = F.interpolate(image[None], (small, small), mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(reduced, (side, side), mode="bilinear", align_corners=False)[0]


def _compressed(image: Tensor) -> Tensor:
    file = io.BytesIO()
    pixels = (255 * image).byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(15 + 60 * torch.rand(())))
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float() / 255
