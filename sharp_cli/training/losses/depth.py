"""Losses on the predicted depth layers (docs/training.md: depth, tv, grad). Disparity here is 1 / depth [1 / m]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.model.config import STRIDE
from sharp_cli.training.losses.config import GradLayer, GradUnit
from sharp_cli.training.losses.image import masked_mean

THRESHOLD = 0.01
"""ε of the grad loss: disparity gradients below it are surfaces."""

SOFTNESS = 0.01
"""σ of the grad loss: how far above the threshold a Gaussian counts as torn off."""


def depth_loss(depth: Tensor, true_depth: Tensor) -> Tensor:
    """E abs(1/D̄_1 − 1/D) over the pixels with a true depth, of the input view's visible layer.

    Args:
        depth: (B, 2, R, R) predicted depth after adjustment [m].
        true_depth: (B, 1, R, R) [m]; infinite for the sky, and 0, negative or NaN where it is not known.
    """
    known = true_depth > 0
    true_disparity = torch.where(known, 1.0 / true_depth, torch.zeros_like(true_depth))
    return masked_mean((1.0 / depth[:, :1] - true_disparity).abs(), known)


def tv_loss(depth: Tensor) -> Tensor:
    """E (abs ∂x 1/D̄_2 + abs ∂y 1/D̄_2): the hidden layer is to be smooth. Differences are between neighboring pixels.

    Args:
        depth: (B, 2, R, R) predicted depth after adjustment [m].
    """
    return total_variation(1.0 / depth[:, 1:])


def total_variation(values: Tensor) -> Tensor:
    """Mean absolute difference of horizontal neighbors plus that of vertical ones, of (B, C, H, W), H and W ≥ 2."""
    across = (values[..., :, 1:] - values[..., :, :-1]).abs().mean()
    down = (values[..., 1:, :] - values[..., :-1, :]).abs().mean()
    return across + down


def grad_loss(opacities: Tensor, depth: Tensor, layer: GradLayer = "own", unit: GradUnit = "pixel") -> Tensor:
    """E_i α_i (1 − exp(−max(0, abs ∇(1/D̄) at base position i − ε) / σ)): no floaters on depth edges.

    The gradient is the length of central differences per pixel; a base position is the corner that its stride ×
    stride pixels share, so the value there, bilinearly, is their mean. It flows into opacity and depth alike, as the
    formula stands.

    Args:
        opacities: (B, N) of the Gaussians, flattened by layer, row, column, N = 2 · (R / stride)².
        depth: (B, 2, R, R) predicted depth after adjustment [m].
        layer, unit: see :class:`sharp_cli.training.losses.config.LossConfig`.
    """
    resolution = depth.shape[-1]
    steepness = gradient_length(1.0 / depth)
    if unit == "ndc":
        steepness = steepness * (0.5 * resolution)
    steepness = F.avg_pool2d(steepness, STRIDE)
    if layer == "first":
        steepness = steepness[:, :1].expand_as(steepness)
    torn = 1.0 - torch.exp(-F.relu(steepness - THRESHOLD) / SOFTNESS)
    return (opacities * torn.flatten(1)).mean()


def gradient_length(values: Tensor) -> Tensor:
    """√(∂x² + ∂y²) per pixel of (B, C, H, W) by central differences, one-sided ones at the edges; H and W ≥ 2."""
    across, down = (_central_difference(values, dim) for dim in (3, 2))
    # vector_norm, unlike a square root, has a gradient of 0 rather than NaN where a surface is flat.
    return torch.linalg.vector_norm(torch.stack([across, down]), dim=0)


def _central_difference(values: Tensor, dim: int) -> Tensor:
    step = values.diff(dim=dim)
    inner = 0.5 * (step.narrow(dim, 1, step.shape[dim] - 1) + step.narrow(dim, 0, step.shape[dim] - 1))
    return torch.cat([step.narrow(dim, 0, 1), inner, step.narrow(dim, step.shape[dim] - 1, 1)], dim=dim)
