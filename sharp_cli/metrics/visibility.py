"""Which pixels of a novel view the input view could know about (docs/training.md)."""

from __future__ import annotations

import torch
from torch import Tensor

MARGIN = 1.05
"""How far beyond the picture's edge, at ±1, a point may lie and still be expected of the network; the paper's."""


def visibility_mask(
    depth: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    input_viewmats: Tensor,
    input_Ks: Tensor,
    input_width: int,
    input_height: int,
    margin: float = MARGIN,
) -> Tensor:
    """Pixels whose true point lies in the input camera's picture, or a little beyond.

    Only the field of view counts: what something nearer hides from the input view is still asked for, since the
    second layer is there to guess it. A pixel of infinite depth is judged by its direction; without a true depth (0,
    negative or NaN) it does not count.

    Args:
        depth: (B, 1, H, W) true depth (camera z) of the novel view [m].
        viewmats, Ks: (B, 4, 4) world to camera and (B, 3, 3) intrinsics in pixels of the novel view.
        input_viewmats, input_Ks: the same of the input view.
        input_width, input_height: of the input picture in pixels.
        margin: where a point no longer counts, at 1 the picture's edge.

    Returns:
        (B, 1, H, W) bool.
    """
    height, width = depth.shape[2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=depth.device, dtype=depth.dtype) + 0.5,
        torch.arange(width, device=depth.device, dtype=depth.dtype) + 0.5,
        indexing="ij",
    )
    pixels = torch.stack([x, y, torch.ones_like(x)]).flatten(1)  # (3, H·W)

    # The points are taken divided by their depth, so that those infinitely far away are directions.
    between = input_viewmats @ torch.linalg.inv(viewmats)
    known = depth > 0
    nearness = torch.where(known, 1.0 / depth, torch.zeros_like(depth)).flatten(2)
    points = between[:, :3, :3] @ torch.linalg.inv(Ks) @ pixels + between[:, :3, 3:] * nearness
    u, v, w = (input_Ks @ points).unbind(1)  # (B, H·W) each
    half_w, half_h = 0.5 * input_width * w, 0.5 * input_height * w
    inside = (w > 0) & ((u - half_w).abs() <= margin * half_w) & ((v - half_h).abs() <= margin * half_h)
    return known & inside.view_as(depth)
