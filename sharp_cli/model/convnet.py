"""A convolutional network beside the ViTs (docs/network.md §13). Small models have it; the released one does not.

Convolutions learn from thousands of photos what ViTs need millions for. Its maps are added to the encoder's for the
depth decoder alone, so the Gaussian decoder reads what it always did.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.model.config import SharpConfig
from sharp_cli.model.topdown import TopDownDecoder, convolution, resized


class ConvNet(nn.Module):
    """Residual blocks, one at stride 4 and two each at strides 8 and 16."""

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(*convolution(3, dims[0], stride=2), nn.ReLU(inplace=True))
        self.stages = nn.ModuleList(
            nn.Sequential(BasicBlock(a, b, stride=2), *(BasicBlock(b, b) for _ in range(min(stage, 1))))
            for stage, (a, b) in enumerate(pairwise(dims))
        )

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, 3, S, S) in [-1, 1] → maps of sides S/4, S/8, S/16."""
        x = self.stem(picture)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions around a shortcut."""

    def __init__(self, dim_in: int, dim_out: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *convolution(dim_in, dim_out, stride), nn.ReLU(inplace=True), *convolution(dim_out, dim_out)
        )
        plain = dim_in == dim_out and stride == 1
        self.shortcut = nn.Identity() if plain else nn.Sequential(nn.AvgPool2d(stride), nn.Conv2d(dim_in, dim_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.residual(x) + self.shortcut(x))


class DepthContext(nn.Module):
    """The whole picture at 1.5 windows a side → what is added to the three coarsest encoder maps."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.config = config
        self.side = config.context_side
        self.backbone = ConvNet(config.convnet_dims)
        self.decoder = TopDownDecoder(config.convnet_dims[1:], config.context_dims)
        pairs = zip(config.context_dims, config.encoder_dims[2:], strict=True)
        self.joins = nn.ModuleList(nn.Conv2d(a, b, 1, bias=False) for a, b in pairs)

    def forward(self, picture: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """Add what it sees to encoder maps.

        Args:
            picture: (B, 3, S, S) in [-1, 1].
            maps: the encoder's, fine to coarse; at least the coarsest one.
        """
        if picture.shape[-1] >= 2 * self.side:  # without this, every other pixel would be left out
            picture = F.interpolate(picture, scale_factor=0.5, mode="bilinear", align_corners=False)
        picture = F.interpolate(picture, (self.side, self.side), mode="bilinear", align_corners=False)
        count = min(len(maps), len(self.joins))
        seen = self.decoder(self.backbone(picture), count)
        added = [join(each) for join, each in zip(self.joins[-count:], seen, strict=True)]
        return [*maps[:-count], *(each + resized(more, each) for each, more in zip(maps[-count:], added, strict=True))]
