"""Camera paths around a splat's source view.

| path           | eye                                                     | loops without a seam       |
| -------------- | ------------------------------------------------------- | -------------------------- |
| orbit          | a circle around the source view, facing the focus point | yes                        |
| dolly          | straight forward and back                               | yes                        |
| still          | the source view                                         | yes                        |
| around         | the source view's eye, swaying, looks all around        | yes                        |
| swipe          | left to right; each repeat starts at the left again     | no: it jumps back          |
| shake          | left and right, then up and down, through the middle    | yes, with a turn in place  |
| rotate         | a circle                                                | yes                        |
| rotate_forward | left and right, nearer and back                         | yes                        |

The last four are the published tool's, without its closing frames: there, every circular motion ends where it began
(the last frame of rotate and rotate_forward, the last of each half of shake), so that a loop shows one picture twice.
"""

from __future__ import annotations

import math
from typing import NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from sharp_cli.cameras.framing import SourceView, depth_range, positive_depths, source_view
from sharp_cli.cameras.names import SAFE_MAX_DISPARITY, SAFE_MAX_ZOOM, LookAt, Trajectory
from sharp_cli.cameras.published_paths import NEAREST_FOCUS, published_eyes
from sharp_cli.cameras.views import Size, Views, fit_size, intrinsics, look_at
from sharp_cli.errors import SharpError
from sharp_cli.gaussians.axes import Up
from sharp_cli.gaussians.gaussians import Camera, Gaussians

LARGEST_DISPARITY = 10.0
MOST_FRAMES = 1_000_000
"""Nine hours at 30 frames per second; their cameras take 100 MB."""


class Reach(NamedTuple):
    """How a path lies in a scene, in the scene's unit."""

    sideways: float
    forward: float
    focus: float  # depth of the point to look at


def trajectory(
    name: Trajectory,
    gaussians: Gaussians,
    *,
    frames: int = 60,
    repeat: int = 1,
    max_disparity: float = SAFE_MAX_DISPARITY,
    max_zoom: float = SAFE_MAX_ZOOM,
    look_at: LookAt = "point",
    size: Size | None = None,
    up: Up | None = None,
) -> Views:
    """The cameras of one path, ready to render.

    Paths start from :func:`~sharp_cli.cameras.framing.source_view`, so splats of other tools work too, in any unit.

    Args:
        frames, repeat: frames of one round, and rounds: ``frames * repeat`` views.
        max_disparity: how far the nearest content moves in the picture, in picture diagonals, 0 to 10.
        max_zoom: how far the eye goes toward the nearest content, 0 to below 1 of the way.
        look_at: see :data:`LookAt`.
        up: the world axis that points up, for splats without a camera; see :func:`source_view`.
        size: long side, or (width, height) [px]. Default: the photo's, at most 1920 px long.

    Raises:
        SharpError: an unknown name, or a number out of its range.
    """
    _check(name, look_at, frames, repeat, max_disparity, max_zoom)
    source = source_view(gaussians, up)
    camera = fit_size(source.camera, size)
    if name == "around":
        sway = _reach(source.camera, _nearest_around(gaussians), 1.0, max_disparity, max_zoom).sideways
        viewmats = _around(frames, sway).repeat(repeat, 1, 1) @ source.viewmat
        Ks = intrinsics(camera).float().repeat(len(viewmats), 1, 1)
        return Views(viewmats.float(), Ks, camera.width, camera.height)
    if name == "orbit" or name == "dolly" or name == "still":
        depths = depth_range(gaussians, source)
        reach = _reach(source.camera, depths.near, depths.focus, max_disparity, max_zoom)
        eyes = _own_eyes(name, frames, reach.sideways, reach.forward).repeat(repeat, 1)
    else:
        reach = _published_reach(gaussians, source, max_disparity, max_zoom)
        eyes = published_eyes(name, frames, repeat, reach.sideways, reach.forward)
    return _views(eyes, reach.focus, look_at, source.viewmat, intrinsics(camera), camera.width, camera.height)


def _own_eyes(name: Trajectory, frames: int, sideways: float, forward: float) -> Tensor:
    """Eye positions of one round of our own paths: (frames, 3) float64 in the source view's camera space.

    The frame after the last would be the first again.
    """
    angle = torch.arange(frames, dtype=torch.float64) * (2 * math.pi / frames)
    zero = torch.zeros_like(angle)
    if name == "orbit":
        return torch.stack([sideways * angle.sin(), sideways * angle.cos(), zero], dim=1)
    if name == "dolly":
        return torch.stack([zero, zero, forward * (1 - angle.cos()) / 2], dim=1)
    return torch.stack([zero, zero, zero], dim=1)


def _around(frames: int, sway: float) -> Tensor:
    """(frames, 4, 4) float64 views of one round to the right, in the source view's camera space.

    The eye swings sideways, three times a round, so that what is near moves against what is far in every direction.
    """
    angle = torch.arange(frames, dtype=torch.float64) * (2 * math.pi / frames)
    zero = torch.zeros_like(angle)
    ahead = torch.stack([angle.sin(), zero, angle.cos()], dim=1)
    right = torch.stack([angle.cos(), zero, -angle.sin()], dim=1)
    eyes = sway * (3 * angle).sin()[:, None] * right
    return look_at(eyes, eyes + ahead)


def _nearest_around(gaussians: Gaussians) -> float:
    """The distance from the origin within which 0.1 % of the Gaussians lie, in any direction."""
    lengths = gaussians.means.detach().cpu().double().norm(dim=1).numpy()
    lengths = lengths[np.isfinite(lengths) & (lengths > 0)]
    return float(np.quantile(lengths, 0.001)) if len(lengths) else 1.0


def range_warning(max_disparity: float, max_zoom: float) -> str | None:
    """A warning for paths that leave the range in which single-photo splats look right, else None."""
    if max_disparity <= SAFE_MAX_DISPARITY and max_zoom <= SAFE_MAX_ZOOM:
        return None
    return (
        f"a splat from one photo looks right only near the photo's own view: beyond a max-disparity of "
        f"{SAFE_MAX_DISPARITY} or a max-zoom of {SAFE_MAX_ZOOM}, expect gaps and smears behind edges"
    )


def _published_reach(gaussians: Gaussians, source: SourceView, max_disparity: float, max_zoom: float) -> Reach:
    depths = positive_depths(gaussians, source.viewmat)
    near, tenth = np.quantile(depths, [0.001, 0.1]).tolist() if len(depths) else (1.0, 1.0)
    return _reach(source.camera, near, max(NEAREST_FOCUS, tenth), max_disparity, max_zoom)


def _reach(camera: Camera, near: float, focus: float, max_disparity: float, max_zoom: float) -> Reach:
    diagonal = math.hypot(camera.width, camera.height)
    return Reach(max_disparity * diagonal / camera.focal_px * near, max_zoom * near, focus)


def _views(eyes: Tensor, focus: float, aim: LookAt, source: Tensor, K: Tensor, width: int, height: int) -> Views:
    """Views from eyes and a focus point on the axis, both in the source view's camera space."""
    point = eyes.new_tensor([0, 0, focus])
    viewmats = look_at(eyes, point if aim == "point" else eyes + point) @ source
    return Views(viewmats.float(), K.float().repeat(len(eyes), 1, 1), width, height)


def _check(name: str, aim: str, frames: int, repeat: int, max_disparity: float, max_zoom: float) -> None:
    for what, value, known in (("trajectory", name, get_args(Trajectory)), ("look_at", aim, get_args(LookAt))):
        if value not in known:
            raise SharpError(f"unknown {what}: {value} (choose {', '.join(known)})")
    if frames < 1 or repeat < 1:
        raise SharpError(f"a trajectory needs at least one frame and one repeat, not {frames} and {repeat}")
    if frames * repeat > MOST_FRAMES:
        raise SharpError(
            f"a film of {frames * repeat:,} frames is too long (choose at most {MOST_FRAMES:,}: shorter, fewer frames "
            "per second, or fewer rounds)",
            code="usage",
        )
    if not 0 <= max_disparity <= LARGEST_DISPARITY:
        raise SharpError(f"max_disparity must lie between 0 and {LARGEST_DISPARITY:g}, not at {max_disparity}")
    if not 0 <= max_zoom < 1:
        raise SharpError(f"max_zoom must be at least 0 and below 1, not {max_zoom}")
