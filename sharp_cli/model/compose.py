"""From base Gaussians and deltas to Gaussians (docs/network.md §7)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.gaussians.color import srgb_to_linear
from sharp_cli.model.base import BaseGaussians

DELTA_XY = 0.001
DELTA_Z = 0.001
DELTA_COLOR = 0.1
MAX_SCALE = 10.0


class NdcGaussians(NamedTuple):
    """Gaussians of B photos in the camera's normalized space, (z · x_ndc, z · y_ndc, z) with z in meters."""

    means: Tensor  # (B, N, 3)
    scales: Tensor  # (B, N, 3) standard deviations along the Gaussian's own axes
    quats: Tensor  # (B, N, 4) w, x, y, z, not normalized
    opacities: Tensor  # (B, N) in (0, 1)
    colors: Tensor  # (B, N, 3) linear RGB in (0, 1)


def inverse_softplus(y: Tensor) -> Tensor:
    """The x with softplus(x) = y; y is clamped to at least 1e-6, and the result is finite for large y."""
    y = y.clamp(min=1e-6)
    return y + torch.log(-torch.expm1(-y))


def scale_factor(delta: Tensor) -> Tensor:
    """10 · sigmoid(a·d + c), with a and c such that d = 0 gives 1 with slope 1; in (0, 10)."""
    slope = MAX_SCALE / (MAX_SCALE - 1.0)
    offset = math.log(1.0 / (MAX_SCALE - 1.0))
    return MAX_SCALE * torch.sigmoid(slope * delta + offset)


def compose_gaussians(base: BaseGaussians, delta: Tensor, unit: Tensor) -> NdcGaussians:
    """Apply the deltas and undo the depth normalization.

    Args:
        base: base Gaussians in normalized depth.
        delta: (B, 14, 2, G, G) as the prediction heads give them.
        unit: (B,) meters of one unit of normalized depth.

    Returns:
        B · 2 · G² Gaussians in the camera's normalized space, flattened by layer, row, column.
    """
    xy, inverse, scale, quat, color, opacity = delta.split([2, 1, 3, 4, 3, 1], dim=1)

    inverse_depth = F.softplus(inverse_softplus(base.inverse_depth) + DELTA_Z * inverse[:, 0])
    z = 1.0 / (inverse_depth + 1e-3)
    x = z * (base.x_ndc + DELTA_XY * xy[:, 0])
    y = z * (base.x_ndc[:, None] + DELTA_XY * xy[:, 1])
    means = torch.stack([x, y, z], dim=1)

    scales = (base.scale * base.inverse_depth * z)[:, None] * scale_factor(scale)

    identity = quat.new_tensor([1.0, 0.0, 0.0, 0.0])[:, None, None, None]
    colors = torch.sigmoid(torch.logit(base.color.clamp(0.01, 0.99))[:, :, None] + DELTA_COLOR * color)

    meters = unit[:, None, None]
    return NdcGaussians(
        means=_flatten(means) * meters,
        scales=_flatten(scales) * meters,
        quats=_flatten(quat + identity),
        opacities=_flatten(torch.sigmoid(opacity))[..., 0],
        colors=srgb_to_linear(_flatten(colors)),
    )


def _flatten(values: Tensor) -> Tensor:
    """(B, P, 2, G, G) → (B, 2·G², P)."""
    return values.flatten(2).transpose(1, 2).contiguous()
