"""Random weights: for tests and benchmarks that need no trained model.

They cost the same time and memory as trained weights of their config; what they predict is noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sharp_cli.model.checkpoint import expected_shapes
from sharp_cli.model.config import SharpConfig

SMALL = SharpConfig(
    embed_dim=32,
    depth=4,
    num_heads=2,
    latent_blocks=(0, 1),
    encoder_dims=(16, 16, 24, 32, 32),
    depth_decoder_dim=16,
    gaussian_decoder_dim=16,
    alignment_width=8,
)
"""A narrow network at the released model's resolution: seconds on a laptop, 0.9 M values."""


def random_tensors(config: SharpConfig, seed: int = 0) -> dict[str, Tensor]:
    """fp32 tensors for every name of a checkpoint of this config, the same for the same seed.

    Matrices and kernels are normal with variance 1 / fan-in, so that activations keep their size through the
    network; norms are near identity, LayerScale near 0.3, and disparity lies around 0.8.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(shape: torch.Size, std: float, mean: float = 0.0) -> Tensor:
        return torch.empty(shape).normal_(mean, std, generator=generator)

    def draw(name: str, shape: torch.Size) -> Tensor:
        if name.endswith("head.4.bias"):
            return normal(shape, 0.05, mean=0.8)
        if name.endswith(".gamma"):
            return normal(shape, 0.05, mean=0.3)
        if len(shape) == 1:
            return normal(shape, 0.05, mean=float(name.endswith("weight")))
        if name.endswith(("cls_token", "pos_embed")):
            return normal(shape, 0.05)
        # The depth head's last layer is kept small: it ends in a ReLU that must not cut half the picture off.
        gain = 0.3 if name.endswith("head.4.weight") else 1.0
        return normal(shape, gain * shape[1:].numel() ** -0.5)

    return {name: draw(name, shape) for name, shape in expected_shapes(config).items()}
