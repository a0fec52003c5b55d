"""The published tool's four camera paths and its rule for the picture (docs/network.md §10)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from sharp_cli.gaussians.gaussians import Camera

PublishedPath = Literal["swipe", "shake", "rotate", "rotate_forward"]

TALLEST = 3000
"""Pictures taller than this are halved [px]."""

NEAREST_FOCUS = 2.0
"""Metres: the published cameras look at nothing nearer."""


def published_eyes(
    name: PublishedPath,
    frames: int,
    repeat: int,
    sideways: float,
    forward: float,
    *,
    distance: float = 0.0,
    closing: bool = True,
) -> Tensor:
    """Eye positions of one path: (frames · repeat, 3) float64, y down.

    Args:
        frames, repeat: of one round, and rounds.
        sideways: how far the eye goes to either side.
        forward: how far ``rotate_forward`` goes towards the scene and back.
        distance: z of the path.
        closing: end each circular motion on the place where it began, as the published tool does; a player that
            loops then shows that place twice. Without it the motion ends one step earlier. ``swipe`` is not circular.
    """
    count = frames * repeat
    turns = _turns(count, repeat, closing)
    x = y = z = torch.zeros(count, dtype=torch.float64)
    if name == "swipe":
        x = torch.linspace(-sideways, sideways, frames, dtype=torch.float64).repeat(repeat)
    elif name == "shake":
        across, down = (_sin(_turns(half, repeat, closing)) for half in (count // 2, count - count // 2))
        x, y = torch.cat([sideways * across, 0 * down]), torch.cat([0 * across, sideways * down])
    elif name == "rotate":
        x, y = sideways * _sin(turns), sideways * _cos(turns)
    else:
        x, z = sideways * _sin(turns), forward * (1 - _cos(turns)) / 2
    return torch.stack([x, y, z + distance], dim=1)


def published_picture(camera: Camera) -> tuple[int, int, Tensor]:
    """Width, height [px] and K (3, 3) float64 of the published tool's pictures.

    Halved when taller than 3000 px, then odd sides grown by one. The principal point starts from half a pixel left of
    and above the centre, and both rows of K are scaled by their own side's ratio.
    """
    size = torch.tensor([camera.width, camera.height])
    new = size // 2 if camera.height > TALLEST else size
    new = new + new % 2
    K = torch.eye(3, dtype=torch.float64)
    K[0, 0] = K[1, 1] = camera.focal_px
    K[:2, 2] = (size - 1) / 2
    K[:2] *= (new / size)[:, None]
    return int(new[0]), int(new[1]), K


def _turns(count: int, repeat: int, closing: bool) -> Tensor:
    return torch.linspace(0, repeat, count if closing else count + 1, dtype=torch.float64)[:count]


def _sin(turns: Tensor) -> Tensor:
    return torch.sin(2 * math.pi * turns)


def _cos(turns: Tensor) -> Tensor:
    return torch.cos(2 * math.pi * turns)
