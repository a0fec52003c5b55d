"""From coarse to fine with ever wider context: what reads depth from the maps of a convolutional network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.model.config import DIM_MULTIPLE

GROUPS = DIM_MULTIPLE
ROWS = 12
"""Heights in the picture for which the decoder learns what to expect."""


def convolution(dim_in: int, dim_out: int, stride: int = 1, dilation: int = 1) -> tuple[nn.Module, nn.Module]:
    """A 3 × 3 convolution and its norm."""
    conv = nn.Conv2d(dim_in, dim_out, 3, stride, padding=dilation, dilation=dilation, bias=False)
    return conv, nn.GroupNorm(GROUPS, dim_out)


class TopDownDecoder(nn.Module):
    """Maps of halving sides → maps of the same sides, each of which knows what the coarser ones say."""

    def __init__(self, channels: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        coarsest = widths[-1]
        self.norms = nn.ModuleList(nn.GroupNorm(1, channel) for channel in channels)
        self.project = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(channels, widths, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(_block(width, 2 if level else 1) for level, width in enumerate(widths))
        self.rows = nn.Parameter(torch.zeros(1, coarsest, ROWS, 1))
        self.whole = nn.Sequential(nn.Linear(coarsest, coarsest), nn.ReLU(), nn.Linear(coarsest, coarsest))
        self.dilated = nn.ModuleList(
            nn.Sequential(*convolution(coarsest, coarsest, dilation=wider), nn.ReLU(), nn.Conv2d(coarsest, coarsest, 1))
            for wider in (1, 2, 4)
        )

    def forward(self, maps: Sequence[Tensor], count: int | None = None) -> list[Tensor]:
        """(B, channels[i], S / 2^i, S / 2^i) maps → (B, widths[i], …) maps, fine to coarse; the ``count`` coarsest."""
        x = self._coarsest(self.norms[-1](maps[-1]))
        found = [x]
        for level in reversed(range(len(maps) - (len(maps) if count is None else count), len(maps) - 1)):
            like = self.norms[level](maps[level])
            x = resized(self.down[level](x), like) + self.project[level](like)
            x = x + self.blocks[level](x)
            found.insert(0, x)
        return found

    def _coarsest(self, coarsest: Tensor) -> Tensor:
        """The coarsest level: what the whole picture and each height in it say, seen ever wider."""
        x = self.project[-1](coarsest)
        x = x + resized(self.rows, x[:, :, :, :1])
        x = x + self.whole(x.mean(dim=(2, 3)))[:, :, None, None]
        for wider in self.dilated:
            x = x + wider(x)
        return x + self.blocks[-1](x)


def resized(x: Tensor, like: Tensor) -> Tensor:
    """A map at the size of another."""
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def _block(width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(layer for _ in range(depth) for layer in (*convolution(width, width), nn.ReLU())))
