"""Predicted Gaussians in the cameras of a pair, as pictures and depth."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharp_cli.datasets.samples import to_true_camera
from sharp_cli.datasets.view_pair import View, ViewPair
from sharp_cli.gaussians.covariance import covariances
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.spherical_harmonics import view_colors
from sharp_cli.render.pictures import to_srgb8
from sharp_cli.render.rasterizer import Backend, rasterize


class Shown(NamedTuple):
    """A view as rendered."""

    image: NDArray[np.uint8]
    """(H, W, 3) sRGB as a file would hold it, so that equal pictures are equal."""
    depth: Tensor
    """(H, W) [m] on the CPU; 0 where nothing is."""


class Placed(NamedTuple):
    """Gaussians in the frame of the camera that took the input; by covariances, which any linear map keeps."""

    gaussians: Gaussians
    covars: Tensor
    """(N, 3, 3) [m²]."""


def place(gaussians: Gaussians, pair: ViewPair) -> Placed:
    """Bring Gaussians from the camera that the predictor assumed to the true one."""
    matrix = torch.from_numpy(to_true_camera(pair)).to(gaussians.means.dtype).to(gaussians.means.device)
    covars = matrix @ covariances(gaussians.scales, gaussians.quats) @ matrix.T
    return Placed(replace(gaussians, means=gaussians.means @ matrix.T), covars)


def scaled(placed: Placed, factor: float) -> Placed:
    """The same scene larger or smaller, about the input camera's eye."""
    gaussians = replace(placed.gaussians, means=factor * placed.gaussians.means)
    return Placed(gaussians, factor**2 * placed.covars)


@torch.inference_mode()
def show(placed: Placed, view: View, backend: Backend) -> Shown:
    """Render a view at its own size over black."""
    height, width = view.image.shape[:2]
    gaussians = placed.gaussians
    eye = torch.from_numpy(-view.viewmat[:3, :3].T @ view.viewmat[:3, 3]).to(gaussians.means.dtype)
    rendering = rasterize(
        gaussians.means,
        gaussians.opacities,
        view_colors(gaussians, eye.to(gaussians.means.device)),
        torch.from_numpy(view.viewmat).float()[None],
        torch.from_numpy(view.K).float()[None],
        width,
        height,
        covars=placed.covars,
        backend=backend,
    )
    return Shown(to_srgb8(rendering.color[0]), rendering.depth[0].cpu())
