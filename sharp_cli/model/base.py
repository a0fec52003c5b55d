"""Base Gaussians (docs/network.md §5): the plain splat of a photo with depth that the network then refines."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.model.config import STRIDE

MAX_DEPTH = 100.0
"""Farthest depth in units of a photo's smallest depth."""


class BaseGaussians(NamedTuple):
    """One Gaussian per layer and stride × stride pixels, in depth normalized to start at 1; G = R / stride.

    The remaining base values are constants: identity rotation and opacity 0.5.
    """

    x_ndc: Tensor  # (G,) pixel centers in [-1, 1], the same along both axes
    inverse_depth: Tensor  # (B, 2, G, G)
    scale: Tensor  # (B, 2, G, G), the same along all three axes
    color: Tensor  # (B, 3, G, G) sRGB in [0, 1], the same on both layers


def normalize_depth(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Scale depth so that a photo's smallest value over both layers is 1, and cap it.

    Args:
        depth: (B, 2, R, R) [m].

    Returns:
        Normalized depth (B, 2, R, R) in about [1, 100], and the (B,) meters of one unit.
    """
    unit = depth.amin(dim=(1, 2, 3)) + 1e-6
    return (depth / unit[:, None, None, None]).clamp(max=MAX_DEPTH), unit


def base_gaussians(image: Tensor, depth: Tensor) -> BaseGaussians:
    """Place the base Gaussians.

    Args:
        image: (B, 3, R, R) sRGB in [0, 1].
        depth: (B, 2, R, R) normalized depth.
    """
    resolution = image.shape[-1]
    cells = resolution // STRIDE
    inverse_depth = F.max_pool2d(1.0 / depth, STRIDE)
    return BaseGaussians(
        x_ndc=(torch.arange(cells, device=image.device, dtype=image.dtype) + 0.5) * (2.0 / cells) - 1.0,
        inverse_depth=inverse_depth,
        scale=(2.0 * STRIDE / resolution) / inverse_depth,
        color=F.avg_pool2d(image, STRIDE),
    )
