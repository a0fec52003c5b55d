"""The published tool's four camera paths (docs/network.md §10)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sharp_cli.cameras.names import PublishedPath

NEAREST_FOCUS = 2.0
"""Meters: the published cameras look at nothing nearer."""


def published_eyes(name: PublishedPath, frames: int, repeat: int, sideways: float, forward: float) -> Tensor:
    """Eye positions of one path: (frames · repeat, 3) float64, y down.

    The published tool ends each circular motion on the place where it began, so that a player that loops shows that
    place twice. Here the motion ends one step earlier. ``swipe`` is not circular.

    Args:
        frames, repeat: frames of one round, and rounds.
        sideways: how far the eye goes to either side.
        forward: how far ``rotate_forward`` goes toward the scene and back.
    """
    count = frames * repeat
    turns = _turns(count, repeat)
    x = y = z = torch.zeros(count, dtype=torch.float64)
    if name == "swipe":
        x = torch.linspace(-sideways, sideways, frames, dtype=torch.float64).repeat(repeat)
    elif name == "shake":
        across, down = (_sin(_turns(half, repeat)) for half in (count // 2, count - count // 2))
        x, y = torch.cat([sideways * across, 0 * down]), torch.cat([0 * across, sideways * down])
    elif name == "rotate":
        x, y = sideways * _sin(turns), sideways * _cos(turns)
    else:
        x, z = sideways * _sin(turns), forward * (1 - _cos(turns)) / 2
    return torch.stack([x, y, z], dim=1)


def _turns(count: int, repeat: int) -> Tensor:
    return torch.linspace(0, repeat, count + 1, dtype=torch.float64)[:count]


def _sin(turns: Tensor) -> Tensor:
    return torch.sin(2 * math.pi * turns)


def _cos(turns: Tensor) -> Tensor:
    return torch.cos(2 * math.pi * turns)
