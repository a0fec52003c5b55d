"""The view that the camera paths start from: the photo's, or one that shows the whole scene."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.axes import UPRIGHT, Up
from sharp_cli.gaussians.gaussians import Camera, Gaussians

Array = npt.NDArray[np.float64]

DEFAULT_CAMERA = Camera(640, 480, 512.0)
"""For splats without a camera (docs/network.md §9): 64° wide."""

SOLID = 0.1
"""Fainter Gaussians do not count when a scene is framed: floaters are mostly fainter."""

LEAST_DEPTH, LARGEST_DEPTH = 1e-9, 1e12


class SourceView(NamedTuple):
    """A camera and its pose."""

    camera: Camera
    viewmat: Tensor  # (4, 4) float64 world to camera


class DepthRange(NamedTuple):
    """The nearest content of a view and the depth to look at, as camera z in the scene's unit."""

    near: float
    """Only 0.1 % of the content is nearer."""
    focus: float
    """The depth whose disparity is halfway between near and far content (10 % and 90 % quantiles): seen from a moving
    camera that looks at it, the two move equally far, in opposite directions."""


def source_view(gaussians: Gaussians, up: Up | None = None) -> SourceView:
    """The photo's camera at the origin; for splats without a camera, a view that frames the scene, in any unit.

    A scene that lies in front of the origin and fills a good part of the picture there is seen from the origin.
    Otherwise the camera stands back until the scene's robust bounding box is in the picture.

    Args:
        up: the world axis that points up, for splats without a camera. Default: as the file says, else −y.
    """
    if gaussians.camera is not None:
        return SourceView(gaussians.camera, torch.eye(4, dtype=torch.float64))
    turn = turn_upright(up or gaussians.up or "-y")
    solid = _solid(gaussians)
    means = _positions(gaussians)[solid] @ turn[:3, :3].numpy().T
    if not len(means) or _shows_most(DEFAULT_CAMERA, means):
        return SourceView(DEFAULT_CAMERA, turn)
    low, high = np.quantile(means, [0.01, 0.99], axis=0)
    sizes = gaussians.scales.detach().amax(1).cpu().double().numpy()[solid]
    reach = 2 * float(np.median(sizes[np.isfinite(sizes)], axis=0)) if np.isfinite(sizes).any() else 0.0
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[:3, 3] = -torch.from_numpy(_standing_back(DEFAULT_CAMERA, low - reach, high + reach))
    return SourceView(DEFAULT_CAMERA, viewmat @ turn)


def turn_upright(up: Up) -> Tensor:
    """(4, 4) float64 rotation of the world by which ``up`` becomes −y, as a camera with y down has it.

    Raises:
        SharpError: an unknown axis.
    """
    if up not in UPRIGHT:
        raise SharpError(f"unknown up axis: {up} (choose {', '.join(UPRIGHT)})")
    turn = torch.eye(4, dtype=torch.float64)
    turn[:3, :3] = torch.tensor(UPRIGHT[up])
    return turn


def positive_depths(gaussians: Gaussians, viewmat: Tensor) -> Array:
    """Depths of all means in front of a view, camera z."""
    depths = _positions(gaussians) @ viewmat[2, :3].numpy() + float(viewmat[2, 3])
    return depths[np.isfinite(depths) & (depths > 0)]


def depth_range(gaussians: Gaussians, view: SourceView) -> DepthRange:
    """The near end and the focus depth of a view; 1 and 1 if it shows nothing.

    Raises:
        SharpError: depths so small or large that float32 does not hold what rendering computes from them.
    """
    means = _positions(gaussians) @ view.viewmat[:3, :3].numpy().T + view.viewmat[:3, 3].numpy()
    depths = means[_solid(gaussians) & _in_picture(view.camera, means), 2]
    if not len(depths):
        depths = positive_depths(gaussians, view.viewmat)
    if not len(depths):
        return DepthRange(1.0, 1.0)
    near, front, back = np.quantile(depths, [0.001, 0.1, 0.9])
    if not LEAST_DEPTH <= near <= back <= LARGEST_DEPTH:
        raise SharpError(
            f"cannot place cameras: the splat's depths range from {near:.3g} to {back:.3g} (scale it to between "
            f"{LEAST_DEPTH:g} and {LARGEST_DEPTH:g})"
        )
    return DepthRange(float(near), float(2 / (1 / front + 1 / back)))


def _standing_back(camera: Camera, low: Array, high: Array) -> Array:
    """The eye on the box's axis from which the view along +z just holds the front of the box, and so all of it."""
    half = (high - low) / 2
    away = 1.1 * camera.focal_px * max(half[0] / (camera.width / 2), half[1] / (camera.height / 2))
    eye: Array = (low + high) / 2
    eye[2] = low[2] - (max(away, half[2]) or 1.0)
    return eye


def _shows_most(camera: Camera, means: Array) -> bool:
    in_front = means[:, 2] > 0
    in_picture = _in_picture(camera, means)
    # A third, since a photo may be far wider than the assumed camera. Most in front: else the scene is all around.
    if in_front.mean() < 0.9 or in_picture.mean() < 1 / 3:
        return False
    across = means[in_picture, :2] / means[in_picture, 2:] * camera.focal_px
    extent = np.ptp(np.quantile(across, [0.01, 0.99], axis=0), axis=0)
    return bool((extent > (camera.width / 4, camera.height / 4)).any())


def _in_picture(camera: Camera, means: Array) -> npt.NDArray[np.bool_]:
    """Which of (N, 3) positions in camera space the picture shows."""
    x, y, z = np.abs(means[:, 0]), np.abs(means[:, 1]), means[:, 2] / camera.focal_px
    seen: npt.NDArray[np.bool_] = (z > 0) & (x <= z * camera.width / 2) & (y <= z * camera.height / 2)
    return seen


def _solid(gaussians: Gaussians) -> npt.NDArray[np.bool_]:
    """Which Gaussians are used to frame the scene: the opaque ones, or all if there are none."""
    finite = gaussians.means.detach().isfinite().all(1)
    solid = finite & (gaussians.opacities.detach() >= SOLID)
    return (solid if solid.any() else finite).cpu().numpy()


def _positions(gaussians: Gaussians) -> Array:
    return gaussians.means.detach().cpu().double().numpy()
