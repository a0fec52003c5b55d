"""Pictures through lenses: pinhole pictures are rendered and resampled along the lens's rays.

A lens that sees up to 60° from the axis needs one pinhole picture, a wider one up to six: the faces of a cube. This way
works on every backend. The pinhole pictures are larger than the result, so that resampling loses little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.cameras.lenses import Array, Lens, pixel_rays
from sharp_cli.cameras.views import Views
from sharp_cli.render.rasterizer import Rendering

Indices = npt.NDArray[np.int64]
Draw = Callable[[Tensor, Tensor, int, int, float], Rendering]
"""(viewmat (4, 4), K (3, 3), width, height, pixels per pixel of the result) → a pinhole picture, C = 1."""

SHARPER = 1.5
"""Pixels of the pinhole pictures per pixel of the result, at the center."""
MARGIN = 2
"""Pixels around the pinhole pictures, so that resampling never leaves them."""
FLAT = np.tan(np.radians(60))
"""A single pinhole picture shows rays up to this tan from the axis."""
FACES = {
    "ahead": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "right": ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    "left": ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
    "down": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "up": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "back": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
}
"""Rotations from the camera's axes to each face's."""


class Face(NamedTuple):
    """One pinhole picture, and which pixels of the result it serves."""

    rotation: Tensor  # (3, 3) from the camera's axes
    K: Tensor  # (3, 3) [px]
    width: int
    height: int
    rows: Tensor  # (M,) indices of the result's pixels, row by row
    places: Tensor  # (M, 2) where each lies in the picture, in -1..1 as grid_sample counts
    forward: Tensor  # (M,) z of each unit ray in the face's axes


def render_lens(views: Views, index: int, draw: Draw, background: Tensor | None) -> Rendering:
    """One view of ``views``, which have a lens.

    Pixels at which the lens sees nothing show the background. Depth is camera z for "opencv" lenses, and the distance
    along the ray for those that may see sideways and back.
    """
    assert views.lens is not None
    K = views.Ks[index]
    faces = _faces(views.lens, tuple(K.double().flatten().tolist()), views.width, views.height)
    viewmat = views.viewmats[index]
    pixels = torch.zeros(views.width * views.height, 5)
    if background is not None:
        pixels[:, :3] = background.to(pixels)
    for face in faces:
        turned = torch.eye(4)
        turned[:3, :3] = face.rotation
        seen = draw(turned @ viewmat.cpu(), face.K, face.width, face.height, SHARPER)
        alpha = seen.alpha[0].cpu()
        layers = torch.cat([seen.color[0].cpu(), alpha[..., None], (seen.depth[0].cpu() * alpha)[..., None]], dim=2)
        found = F.grid_sample(layers.permute(2, 0, 1)[None], face.places[None, None], align_corners=False)[0, :, 0].T
        if views.lens.model != "opencv":
            found[:, 4] /= face.forward
        pixels[face.rows] = found
    pixels[:, 4] /= pixels[:, 3].clamp(min=1e-8)
    color, alpha, depth = pixels.view(1, views.height, views.width, 5).split([3, 1, 1], dim=3)
    return Rendering(color, alpha[..., 0], depth[..., 0])


@lru_cache(maxsize=4)
def _faces(lens: Lens, K: tuple[float, ...], width: int, height: int) -> list[Face]:
    """The pinhole pictures that a lens needs."""
    matrix = np.array(K).reshape(3, 3)
    rays = pixel_rays(lens, matrix, width, height).reshape(-1, 3)
    focal = SHARPER * (width / (2 * np.pi) if lens.model == "equirectangular" else max(matrix[0, 0], matrix[1, 1]))
    return [_face(rotation, rays, chosen, focal) for rotation, chosen in _choose(rays)]


def _choose(rays: Array) -> Iterator[tuple[Array, Indices]]:
    """The rotation of each face that is needed, and the indices of its rays."""
    seen = np.flatnonzero(np.isfinite(rays).all(axis=1))
    ahead = rays[seen, 2:] > 0
    if not len(seen) or (ahead.all() and np.abs(rays[seen, :2] / rays[seen, 2:]).max() <= FLAT):
        yield np.eye(3), seen
        return
    rotations = np.array(list(FACES.values()), dtype=np.float64)
    nearest = np.argmax(rays[seen] @ rotations[:, 2].T, axis=1)
    for face, rotation in enumerate(rotations):
        if len(chosen := seen[nearest == face]):
            yield rotation, chosen


def _face(rotation: Array, rays: Array, rows: Indices, focal: float) -> Face:
    """A pinhole picture just large enough for its rays."""
    turned = rays[rows] @ rotation.T
    places = focal * turned[:, :2] / turned[:, 2:]
    low = np.floor(places.min(axis=0, initial=0)) - MARGIN
    high = np.ceil(places.max(axis=0, initial=0)) + MARGIN
    width, height = (int(side) for side in high - low)
    K = np.array([[focal, 0, -low[0]], [0, focal, -low[1]], [0, 0, 1]])
    grid = 2 * (places - low) / [width, height] - 1
    turn, matrix, spots, forward = (torch.from_numpy(values).float() for values in (rotation, K, grid, turned[:, 2]))
    return Face(turn, matrix, width, height, torch.from_numpy(rows), spots, forward)
