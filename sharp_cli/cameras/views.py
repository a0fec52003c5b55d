"""The cameras to render: poses, intrinsics, and one picture size and lens for all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Union

import torch
from torch import Tensor

from sharp_cli.cameras.lenses import Lens
from sharp_cli.errors import SharpError
from sharp_cli.gaussians.gaussians import Camera

Size = Union[int, "tuple[int, int]"]
"""The long side of a picture, or its width and height [px]."""

DEFAULT_LONG_SIDE = 1920
"""Larger photos are rendered at this size by default [px]."""

FOCAL_LENGTHS = (1e-3, 1e9)
"""Shortest and longest [px]: beyond them float32 no longer holds what a view needs."""

UP = (0.0, -1.0, 0.0)
"""Up in a world whose y points down."""


@dataclass(frozen=True)
class Views:
    """n cameras with pictures of one size; pixel centers are at half integers."""

    viewmats: Tensor
    """(n, 4, 4) float32, world to camera: x right, y down, z forward."""
    Ks: Tensor
    """(n, 3, 3) float32 focal lengths and principal point [px]."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    lens: Lens | None = None
    """What bends the rays of all of them; None for pinhole cameras."""

    def __post_init__(self) -> None:
        count = len(self.viewmats)
        if self.viewmats.shape != (count, 4, 4) or self.Ks.shape != (count, 3, 3):
            raise ValueError(
                f"viewmats must be (n, 4, 4) and Ks (n, 3, 3), not {tuple(self.viewmats.shape)}, {tuple(self.Ks.shape)}"
            )
        shortest, longest = FOCAL_LENGTHS
        focal = self.Ks[:, (0, 1), (0, 1)]
        if bad := focal[~((focal >= shortest) & (focal <= longest))].tolist():
            raise SharpError(f"cannot render a focal length of {bad[0]:.3g} px (use {shortest:g} to {longest:g} px)")

    def __len__(self) -> int:
        return len(self.viewmats)


def fit_size(camera: Camera, size: Size | None = None) -> Camera:
    """The same camera with an image of another size, in which the photo's whole view stays visible.

    Sizes are exact: (width, height) as given; with a long side alone, the other side is rounded. Pixels stay square,
    so a size of another aspect ratio shows more beside the photo or above and below it.

    Args:
        size: the long side, or (width, height). Default: the photo's own size, at most 1920 px long.

    Raises:
        SharpError: a size below two pixels.
    """
    width, height, scale = _fitted(camera.width, camera.height, size)
    return Camera(width, height, camera.focal_px * scale)


def fit_views(views: Views, size: Size | None = None) -> Views:
    """The same views with pictures of another size, by the rules of :func:`fit_size`.

    Raises:
        SharpError: a size below two pixels.
    """
    width, height, scale = _fitted(views.width, views.height, size)
    Ks = views.Ks.clone()
    Ks[:, :2] *= scale
    Ks[:, 0, 2] += (width - views.width * scale) / 2
    Ks[:, 1, 2] += (height - views.height * scale) / 2
    return replace(views, Ks=Ks, width=width, height=height)


def intrinsics(camera: Camera) -> Tensor:
    """(3, 3) float64 K of a camera whose principal point is the picture's center (W / 2, H / 2) [px]."""
    f, w, h = camera.focal_px, camera.width, camera.height
    return torch.tensor([[f, 0, w / 2], [0, f, h / 2], [0, 0, 1]], dtype=torch.float64)


def look_at(eyes: Tensor, targets: Tensor, up: tuple[float, float, float] = UP) -> Tensor:
    """World-to-camera matrices of cameras at ``eyes`` that see ``targets`` in the picture's center.

    Right is forward × up and down is forward × right (docs/network.md §10).

    Args:
        eyes: (n, 3).
        targets: (n, 3), or (3,) for all.
        up: what points up in the picture, as far as the direction allows.

    Returns:
        (n, 4, 4) of the dtype of ``eyes``.

    Raises:
        ValueError: a target at its eye, or straight above or below it.
    """
    forward = torch.nn.functional.normalize(targets - eyes, dim=-1)
    right = torch.linalg.cross(forward, eyes.new_tensor(up).expand_as(forward), dim=-1)
    lengths = right.norm(dim=-1, keepdim=True)
    if not (lengths > 1e-9).all():
        raise ValueError("a camera cannot look at its own place, nor straight up or down")
    right = right / lengths
    rotation = torch.stack([right, torch.linalg.cross(forward, right, dim=-1), forward], dim=-2)
    viewmats = torch.eye(4, dtype=eyes.dtype, device=eyes.device).repeat(len(eyes), 1, 1)
    viewmats[:, :3, :3] = rotation
    viewmats[:, :3, 3] = -(rotation @ eyes[:, :, None])[:, :, 0]
    return viewmats


def _fitted(width: int, height: int, size: Size | None) -> tuple[int, int, float]:
    """Width and height of the new picture, and how large the old one is inside it."""
    if isinstance(size, tuple):
        wanted: tuple[float, float] = size
    else:
        long_side = min(max(width, height), DEFAULT_LONG_SIDE) if size is None else size
        wanted = (width * long_side / max(width, height), height * long_side / max(width, height))
    if size is not None and min(size if isinstance(size, tuple) else (size,)) < 2:
        raise SharpError(f"image size {_words(size)} px is too small (both sides need at least 2 px)", code="usage")
    new_width, new_height = (max(1, math.floor(side + 0.5)) for side in wanted)
    return new_width, new_height, min(new_width / width, new_height / height)


def _words(size: Size) -> str:
    return f"{size[0]} × {size[1]}" if isinstance(size, tuple) else str(size)
