"""The Gaussian decoder and its prediction heads (docs/network.md §6): 14 deltas for every base Gaussian."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sharp_cli.model.blocks import ResidualBlock
from sharp_cli.model.config import LAYERS, STRIDE, SharpConfig
from sharp_cli.model.decoder import FusionBlock, PyramidDecoder

GEOMETRY, TEXTURE = 3, 11
"""Deltas per Gaussian: x, y, 1/z, and three scales, four quaternion parts, three colors, opacity."""


class GaussianDecoder(nn.Module):
    """Encoder maps, photo and depth → the features that both heads read."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        dim = config.gaussian_decoder_dim
        self.decoder = PyramidDecoder(config.encoder_dims, dim)
        self.photo_conv = nn.Conv2d(3 + LAYERS, dim, STRIDE, stride=STRIDE)
        self.fusion = FusionBlock(dim, upsample=False)

    def forward(self, maps: Sequence[Tensor], photo_and_depth: Tensor) -> Tensor:
        """(B, 5, R, R) picture beside the encoder's maps → (B, dim, R/2, R/2)."""
        return self.fusion(self.decoder(maps), self.photo_conv(photo_and_depth))


class FeatureHead(nn.Sequential):
    """(B, dim, G, G) → (B, head_dim, G, G) features ≥ 0."""

    def __init__(self, dim: int, head_dim: int) -> None:
        super().__init__(
            ResidualBlock(dim, dim, groups=8),
            ResidualBlock(dim, dim, groups=8),
            nn.ReLU(inplace=True),
            nn.Conv2d(dim, head_dim, 1),
            nn.ReLU(inplace=True),
        )


class PredictionHeads(nn.Module):
    """Both heads and their last layers, in fp32 whatever the backbone computes in."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        dim, head_dim = config.gaussian_decoder_dim, config.head_dim
        self.geometry_head = FeatureHead(dim, head_dim)
        self.texture_head = FeatureHead(dim, head_dim)
        self.geometry = nn.Conv2d(head_dim, GEOMETRY * LAYERS, 1)
        self.texture = nn.Conv2d(head_dim, TEXTURE * LAYERS, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, dim, G, G) features of any dtype → deltas (B, 14, 2, G, G): property, layer, row, column."""
        features = features.float()
        deltas = (self.geometry(self.geometry_head(features)), self.texture(self.texture_head(features)))
        return torch.cat([delta.unflatten(1, (-1, LAYERS)) for delta in deltas], dim=1)
