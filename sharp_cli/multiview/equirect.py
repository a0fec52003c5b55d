"""A panorama as a picture of directions, and pinhole pictures out of it.

Axes are OpenCV's: x right, y down, z forward, at yaw 0 and pitch 0. Yaw grows to the right, pitch upward [rad].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.photo import Photo
from sharp_cli.photo.panorama import PROJECTIONS, PanoramaTags, is_two_to_one

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

SHARPER = 1.3
"""A panorama with more pixels per angle than this times the face's is reduced first, against aliasing."""
WIDEST_CYLINDER = math.radians(85)
"""Highest pitch that a cylindrical picture can show [rad]."""


@dataclass(frozen=True, eq=False)
class Panorama:
    """A picture of directions around one point."""

    pixels: Pixels
    """(H, W, 3) sRGB."""
    left: float
    """Yaw of its left edge [rad]."""
    span: float
    """Yaw from its left to its right edge [rad], at most 2 π."""
    top: float
    """Pitch of its upper edge [rad]."""
    bottom: float
    """Pitch of its lower edge [rad]."""
    cylindrical: bool = False
    """Whether rows grow with the tangent of the pitch, not with the pitch."""

    @property
    def is_closed(self) -> bool:
        """Whether it goes all around."""
        return self.span > math.tau - math.radians(1)


def panorama_from_photo(photo: Photo, name: str, fov: float | None = None) -> Panorama:
    """Find which directions a picture shows: from ``fov``, else from its GPano tags, else all if it is 2:1.

    Args:
        name: what to call the picture in errors.
        fov: horizontal field of view [degrees], up to 360; the horizon is then in the picture's middle.

    Raises:
        SharpError: the field of view is not known, or makes no sense.
    """
    height, width, _ = photo.pixels.shape
    tags = photo.panorama
    if fov is not None:
        if not 0 < fov <= 360:
            raise SharpError(f"a panorama's field of view must lie between 0 and 360 degrees, not at {fov:g}", "usage")
        projection = tags.projection if tags else "equirectangular"
        tags = PanoramaTags(projection, full_width=round(width * 360 / fov))
    elif tags is None or (tags.full_width == 0 and not is_two_to_one(width, height)):
        if not is_two_to_one(width, height):
            raise SharpError(
                f"cannot use {name}: which directions its {width} × {height} pixels show is not known (it is not 2:1 "
                "and has no GPano tags: give its horizontal field of view)"
            )
        tags = PanoramaTags("equirectangular", full_width=width)
    if tags.projection not in PROJECTIONS:
        raise SharpError(
            f"cannot use {name}: the projection {tags.projection} is not supported ({', '.join(PROJECTIONS)} are)"
        )
    return _placed(photo.pixels, tags)


def _placed(pixels: Pixels, tags: PanoramaTags) -> Panorama:
    height, width, _ = pixels.shape
    full = max(tags.full_width or width, width)
    span = math.tau * width / full
    left = math.tau * tags.left / full - math.pi if tags.left or full == width else -span / 2
    if tags.projection == "cylindrical":
        top = min(math.atan(height / 2 / (full / math.tau)), WIDEST_CYLINDER)
        return Panorama(pixels, left, span, top, -top, cylindrical=True)
    per_pixel = math.tau / full
    full_height = tags.full_height if tags.full_height >= height else height
    top = (full_height / 2 - (tags.top if full_height > height else 0)) * per_pixel
    limit = math.pi / 2
    return Panorama(pixels, left, span, min(top, limit), max(top - height * per_pixel, -limit))


def look(panorama: Panorama, rotation: Floats, width: int, height: int, focal_px: float) -> Pixels:
    """(height, width, 3) sRGB: what a pinhole camera at the center sees; edge pixels go on outside the panorama.

    Args:
        rotation: (3, 3), columns: the camera's right, down and forward in the panorama's axes.
        focal_px: [px]; the principal point is the picture's center.
    """
    pixels = _reduced(panorama, focal_px)
    rows, columns, _ = pixels.shape
    yaw, pitch = to_angles(_rays(width, height, focal_px) @ rotation.T)
    turn = np.mod(yaw - panorama.left, math.tau)
    if not panorama.is_closed:  # what lies outside goes to the nearer edge
        turn = np.where(turn > math.pi + panorama.span / 2, 0.0, turn)
    u = turn / panorama.span * columns
    if panorama.cylindrical:
        tops = math.tan(panorama.top), math.tan(panorama.bottom)
        v = (tops[0] - np.tan(np.clip(pitch, -WIDEST_CYLINDER, WIDEST_CYLINDER))) / (tops[0] - tops[1]) * rows
    else:
        v = (panorama.top - pitch) / (panorama.top - panorama.bottom) * rows
    wide = np.concatenate([pixels[:, -1:], pixels, pixels[:, :1]], axis=1) if panorama.is_closed else pixels
    places = np.stack([(u + panorama.is_closed) / wide.shape[1], v / rows], axis=-1) * 2 - 1
    image = torch.from_numpy(wide).permute(2, 0, 1)[None].float()
    grid = torch.from_numpy(places.astype(np.float32))[None]
    found = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    seen: Pixels = found[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
    return seen


def to_angles(directions: Floats) -> tuple[Floats, Floats]:
    """Yaw in -π..π and pitch of directions (..., 3), of any length."""
    x, y, z = directions[..., 0], directions[..., 1], directions[..., 2]
    return np.arctan2(x, z), np.arctan2(-y, np.hypot(x, z))


def _rays(width: int, height: int, focal_px: float) -> Floats:
    """(H, W, 3) directions of a pinhole camera's pixels."""
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    return np.stack([x / focal_px, y / focal_px, np.ones_like(x)], axis=-1)


def _reduced(panorama: Panorama, focal_px: float) -> Pixels:
    """The panorama's pixels, fewer if it has far more per angle than a face in its middle."""
    height, width, _ = panorama.pixels.shape
    shrink = focal_px * panorama.span / width
    if shrink * SHARPER >= 1:
        return panorama.pixels
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    return np.asarray(Image.fromarray(panorama.pixels).resize(size, Image.Resampling.LANCZOS))
