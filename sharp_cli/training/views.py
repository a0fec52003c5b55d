"""Rendering what the network predicts, for the losses: straight from its normalized space, without decomposition."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.covariance import covariances
from sharp_cli.model.compose import NdcGaussians
from sharp_cli.render.rasterizer import rasterize


class Renders(NamedTuple):
    """V views of B scenes."""

    color: Tensor
    """(B, V, 3, H, W) sRGB, black behind."""
    alpha: Tensor
    """(B, V, 1, H, W) in [0, 1)."""
    depth: Tensor
    """(B, V, 1, H, W) [m]; 0 where nothing is."""


def camera_from_ndc(K: Tensor, width: int, height: int) -> Tensor:
    """The linear map from the network's normalized space to the camera's (docs/network.md §8).

    Args:
        K: (B, 3, 3) intrinsics [px] of the view that the network saw, wherever its principal point lies.

    Returns:
        (B, 3, 3); diag(W / 2f, H / 2f, 1) where the principal point is the picture's center.
    """
    size = K.new_tensor([0.5 * width, 0.5 * height])
    matrix = torch.zeros_like(K)
    matrix[:, (0, 1), (0, 1)] = size / K[:, (0, 1), (0, 1)]
    matrix[:, :2, 2] = (size - K[:, :2, 2]) / K[:, (0, 1), (0, 1)]
    matrix[:, 2, 2] = 1.0
    return matrix


def render_ndc_views(
    gaussians: NdcGaussians, K: Tensor, viewmats: Tensor, Ks: Tensor, width: int, height: int
) -> Renders:
    """Render each scene's Gaussians to its views; differentiable.

    Args:
        gaussians: of B photos.
        K: (B, 3, 3) intrinsics of the photos, at width × height.
        viewmats, Ks: (B, V, 4, 4) from the photo's camera to the view's, and (B, V, 3, 3).
        width, height: of photos and views [px].
    """
    scenes = []
    for i, matrix in enumerate(camera_from_ndc(K, width, height)):
        covars = covariances(gaussians.scales[i], gaussians.quats[i])
        scenes.append(
            rasterize(
                gaussians.means[i] @ matrix.T,
                gaussians.opacities[i],
                gaussians.colors[i],
                viewmats[i],
                Ks[i],
                width,
                height,
                covars=matrix @ covars @ matrix.mT,
            )
        )
    color, alpha, depth = (torch.stack(each) for each in zip(*scenes, strict=True))
    return Renders(linear_to_srgb(color).movedim(-1, 2), alpha[:, :, None], depth[:, :, None])
