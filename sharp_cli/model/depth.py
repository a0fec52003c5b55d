"""From the depth decoder's features to metric depth (docs/network.md §3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sharp_cli.model.config import LAYERS
from sharp_cli.model.convolution import Conv3x3

MIN_DISPARITY, MAX_DISPARITY = 1e-4, 1e4

FLOOR = 1.001 * MIN_DISPARITY
"""In training: the least at which the clamp to MIN_DISPARITY surely lets a gradient through."""


class DisparityHead(nn.Sequential):
    """Computes in fp32 whatever the backbone computes in: reduced precision here is lost depth."""

    def __init__(self, dim: int) -> None:
        super().__init__(
            Conv3x3(dim, dim // 2),
            nn.ConvTranspose2d(dim // 2, dim // 2, 2, stride=2),
            Conv3x3(dim // 2, 32),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, LAYERS, 1),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, dim, R/2, R/2) features of any dtype → (B, 2, R, R) disparity ≥ 0, visible surface first."""
        # Cast here, not by the caller, whose reference would keep the largest map alive through the head.
        x = features.float()
        *layers, relu = self
        for layer in layers:
            x = layer(x)
        return _floor(x) if self.training else relu(x)


class _Floor(torch.autograd.Function):
    """max(x, FLOOR) that hands on a gradient below the floor, too, where it leads up.

    For training: a plain ReLU gives a pixel that has sunk to 0 no way back, and a network may sink as a whole.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=FLOOR)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.where(x > FLOOR, gradient, gradient.clamp(max=0.0))


def _floor(x: Tensor) -> Tensor:
    floored: Tensor = _Floor.apply(x)
    return floored


def depth_from_disparity(disparity: Tensor, disparity_factor: Tensor) -> Tensor:
    """Metric depth of both layers.

    Args:
        disparity: (B, 2, R, R) as the head gives it; clamped to [1e-4, 1e4].
        disparity_factor: (B,) focal length over picture width, both in pixels.

    Returns:
        (B, 2, R, R) depth [m].
    """
    return disparity_factor[:, None, None, None] / disparity.clamp(MIN_DISPARITY, MAX_DISPARITY)
