"""The whole SHARP network: pictures in, Gaussians in normalized camera space out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sharp_cli.model.base import base_gaussians, normalize_depth
from sharp_cli.model.compose import NdcGaussians, compose_gaussians
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.convnet import DepthContext
from sharp_cli.model.decoder import PyramidDecoder
from sharp_cli.model.depth import DisparityHead, depth_from_disparity
from sharp_cli.model.depth_adjustment import DepthAdjustment
from sharp_cli.model.encoder import PyramidEncoder
from sharp_cli.model.gaussian_decoder import GaussianDecoder, PredictionHeads


class Prediction(NamedTuple):
    """What the network gives for B photos: the Gaussians, and what training judges of the way to them."""

    gaussians: NdcGaussians
    depth: Tensor
    """(B, 2, R, R) both layers after the adjustment [m], before they are normalized."""
    delta: Tensor
    """(B, 14, 2, G, G) as the prediction heads give them."""
    adjustment: Tensor | None
    """(B, 1, R, R) the map S; None where no true depth was given."""


class SharpNetwork(nn.Module):
    """SHARP (arXiv 2512.10685; docs/network.md). ``precision.place_tensors`` chooses what its backbone computes in."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone_dtype = torch.float32
        self.encoder = PyramidEncoder(config)
        self.context = DepthContext(config) if config.convnet_dims else None
        self.depth_decoder = PyramidDecoder(config.encoder_dims, config.depth_decoder_dim)
        self.depth_head = DisparityHead(config.depth_decoder_dim)
        self.depth_adjustment = DepthAdjustment(config.alignment_width)
        self.gaussian_decoder = GaussianDecoder(config)
        self.prediction_heads = PredictionHeads(config)

    def forward(self, image: Tensor, disparity_factor: Tensor, true_depth: Tensor | None = None) -> NdcGaussians:
        """The Gaussians alone of :meth:`predict`."""
        return self.predict(image, disparity_factor, true_depth).gaussians

    def predict(self, image: Tensor, disparity_factor: Tensor, true_depth: Tensor | None = None) -> Prediction:
        """Predict the Gaussians of B photos, and keep what training needs besides.

        Args:
            image: (B, 3, R, R) sRGB in [0, 1], R = ``config.resolution``.
            disparity_factor: (B,) focal length over width of each photo, both in its own pixels.
            true_depth: (B, 1, R, R) [m], in training only: the predicted depth is adjusted toward it.
        """
        maps, disparity = self._see(image)
        depth, adjustment = depth_from_disparity(disparity, disparity_factor), None
        del disparity
        if true_depth is not None:
            adjustment = self.depth_adjustment(depth[:, :1], true_depth)
            depth = depth * adjustment
        normalized, unit = normalize_depth(depth)
        base = base_gaussians(image, normalized)

        with self._backbone_precision(image):
            features = self.gaussian_decoder(maps, 2.0 * torch.cat([image, 1.0 / normalized], dim=1) - 1.0)
        del maps
        delta = self.prediction_heads(features)
        return Prediction(compose_gaussians(base, delta, unit), depth, delta, adjustment)

    def predict_disparity(self, image: Tensor) -> Tensor:
        """The first half of the way: (B, 3, R, R) photos → (B, 2, R, R) disparity ≥ 0 (docs/network.md §3)."""
        return self._see(image)[1]

    def predict_coarse_disparity(self, picture: Tensor) -> Tensor:
        """(B, 3, S, S) photos → (B, 2, S/2, S/2) disparity ≥ 0 of the coarsest maps alone, for a first training.

        S is R/2, which takes two maps, or R/4, which takes one.
        """
        with self._backbone_precision(picture):
            picture = 2.0 * picture - 1.0
            features = self._decode_depth(picture, self.encoder.forward_coarse(picture))
        return self.depth_head(features)

    def _see(self, image: Tensor) -> tuple[list[Tensor], Tensor]:
        """The encoder's maps, and disparity."""
        size = self.config.resolution
        if image.shape[1:] != (3, size, size):
            raise ValueError(f"image must have shape (B, 3, {size}, {size}), not {tuple(image.shape)}")
        with self._backbone_precision(image):
            image = 2.0 * image - 1.0
            maps = self.encoder(image)
            features = self._decode_depth(image, maps)
        return maps, self.depth_head(features)

    def _decode_depth(self, picture: Tensor, maps: list[Tensor]) -> Tensor:
        """The depth decoder's features, of a picture in [-1, 1] and its encoder maps."""
        return self.depth_decoder(maps if self.context is None else self.context(picture, maps))

    def _backbone_precision(self, image: Tensor) -> torch.autocast:
        dtype = self.backbone_dtype
        return torch.autocast(image.device.type, dtype=dtype, enabled=dtype != torch.float32)
