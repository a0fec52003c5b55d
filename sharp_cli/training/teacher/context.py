"""Teach a convolutional network to see depth, and put it beside a network's ViTs (docs/network.md §13).

It learns from labeled photos, synthetic pictures and photos with measured depth, and from a teacher's features, as an
encoder does in :mod:`~sharp_cli.training.teacher.distill`. What joins it to the network starts at zero: the weights
written predict what those they start from do, until ``sight`` or a phase with photos beside it trains the joins.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.errors import SharpError
from sharp_cli.model.convnet import DepthContext
from sharp_cli.model.network import SharpNetwork
from sharp_cli.training.config import OptimizerConfig
from sharp_cli.training.precision import training_autocast
from sharp_cli.training.schedule import build_optimizer
from sharp_cli.training.teacher.augment import degrade, recolor
from sharp_cli.training.teacher.config import ContextConfig
from sharp_cli.training.teacher.decoder import DisparityReader
from sharp_cli.training.teacher.distill import COLORS
from sharp_cli.training.teacher.lesson import Lesson
from sharp_cli.training.teacher.material import Material, validate_disparity
from sharp_cli.training.teacher.train import weighted_losses

CELL, FEATURE_CELL = 4, 16
"""Picture pixels per disparity, and per vector of features."""
CLIP = 2.0
BETAS = (0.9, 0.99)


class ContextReader(nn.Module):
    """A context with what reads disparity and a teacher's features from it; only the context is kept in the end."""

    def __init__(self, context: DepthContext, features: int) -> None:
        super().__init__()
        self.context = context
        config = context.config
        self.disparity = DisparityReader(config.context_dims)
        self.features = nn.Conv2d(config.convnet_dims[-1] + config.context_dims[-1], features, 1) if features else None

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, 3, S, S) in [0, 1] → (B, S/4, S/4) log disparities and (B, D, S/16, S/16) features."""
        pictures = (2 * pictures - 1).contiguous(memory_format=torch.channels_last)
        with training_autocast("cpu"):
            seen = self.context.backbone(pictures)
            maps = self.context.decoder(seen)
            features = None if self.features is None else self.features(torch.cat([seen[-1], maps[-1]], dim=1))
            return self.disparity(maps), None if features is None else features.float()


def context_lesson(config: ContextConfig, start: SharpNetwork, material: Material) -> Lesson:
    """A new context, with what reads it; the start's weights keep all else.

    Raises:
        SharpError: the weights have a context.
    """
    network, context = with_context(config, start)
    reader = ContextReader(context, 0 if material.labels is None else material.labels.features.shape[1])
    reader.context.joins.requires_grad_(False)

    def finish(model: nn.Module) -> SharpNetwork:
        assert isinstance(model, ContextReader)
        context.load_state_dict(model.context.state_dict())
        return network

    beta1, beta2 = BETAS
    rates = OptimizerConfig(config.lr, 0.02 * config.lr, config.warmup, beta1, beta2, config.weight_decay)
    return Lesson(
        model=reader,
        optimizer=build_optimizer(reader, rates),
        rates=rates,
        clip=CLIP,
        losses=lambda model: context_losses(model, config, material),
        validate=lambda model: validate_disparity(lambda images: model(images)[0], material.held_out, context.side),
        finish=finish,
    )


def with_context(config: ContextConfig, before: SharpNetwork) -> tuple[SharpNetwork, DepthContext]:
    """A network with a context that changes nothing yet, and that context.

    Raises:
        SharpError: it has a context.
    """
    if before.context is not None:
        raise SharpError(f"{config.init} has a convolutional network already (train it with the recipe sight)")
    sizes = replace(before.config, convnet_dims=tuple(config.convnet_dims), context_dims=tuple(config.context_dims))
    network = SharpNetwork(sizes)
    assert network.context is not None
    for kernel in network.context.joins.parameters():
        nn.init.zeros_(kernel)
    missing, unexpected = network.load_state_dict(before.state_dict(), strict=False)
    assert not unexpected and all(name.startswith("context.") for name in missing)
    return network, network.context


def context_losses(model: nn.Module, config: ContextConfig, material: Material) -> dict[str, Tensor]:
    """Weighted terms of the loss on the next batch."""
    assert isinstance(model, ContextReader)
    side = model.context.side
    images, disparities, features = material.batch(config, side, side // CELL, side // FEATURE_CELL)
    log_disparity, predicted = model(degrade(recolor(images, COLORS)))
    losses = weighted_losses(log_disparity, disparities)
    if features is None or predicted is None:
        return losses
    error = F.smooth_l1_loss(predicted[: len(features)], features, beta=0.5)
    return {**losses, "features": config.feature_weight * error}
