"""The depth adjustment of training (docs/network.md §4): a U-Net that scales predicted depth toward the true one."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from sharp_cli.model.blocks import GroupNorm, ResidualBlock

LEVELS = 4
GROUPS = 4


class AdjustmentEncoder(nn.Module):
    """(B, 2, S, S) → five maps, S to S/16, widths doubling."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_in = nn.Sequential(nn.Conv2d(2, width, 3, padding=1), GroupNorm(GROUPS, width), nn.ReLU(inplace=True))
        widths = [width << level for level in range(LEVELS + 1)]
        self.convs_down = nn.ModuleList(
            nn.Sequential(nn.AvgPool2d(2), ResidualBlock(a, b, GROUPS), ResidualBlock(b, b, GROUPS))
            for a, b in pairwise(widths)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.conv_in(x)]
        for down in self.convs_down:
            maps.append(down(maps[-1]))
        return maps


class AdjustmentDecoder(nn.Module):
    """Five maps, fine to coarse → (B, width, S, S)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [width << level for level in reversed(range(LEVELS + 1))]
        skips = [0, *widths[1:-1]]
        self.convs_up = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=2, mode="nearest"),
                ResidualBlock(a + skip, b, GROUPS),
                ResidualBlock(b, b, GROUPS),
            )
            for a, b, skip in zip(widths, widths[1:], skips, strict=False)
        )
        self.conv_out = nn.Sequential(
            GroupNorm(GROUPS, 2 * width),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * width, width, 1),
            GroupNorm(GROUPS, width),
            nn.ReLU(inplace=True),
        )

    def forward(self, maps: list[Tensor]) -> Tensor:
        *skips, x = maps
        for level, up in enumerate(self.convs_up):
            x = up(x if level == 0 else torch.cat([x, skips.pop()], dim=1))
        return self.conv_out(torch.cat([x, skips.pop()], dim=1))


class DepthAdjustment(nn.Module):
    """A positive map that multiplies both predicted depth layers; 1 everywhere at the start of training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = AdjustmentEncoder(width)
        self.decoder = AdjustmentDecoder(width)
        self.conv_out = nn.Conv2d(width, 1, 1)
        for parameter in self.conv_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, depth: Tensor, true_depth: Tensor) -> Tensor:
        """Compare predicted with true depth.

        Args:
            depth: (B, 1, S, S) predicted depth of the visible layer [m].
            true_depth: (B, 1, S, S) [m].

        Returns:
            (B, 1, S, S) factors above 0.
        """
        inverse = 1.0 / torch.cat([depth, true_depth], dim=1).clamp(min=1e-4)
        return self.conv_out(self.decoder(self.encoder(inverse))).exp()
