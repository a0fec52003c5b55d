"""How fast the network learns when."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from sharp_cli.training.config import OptimizerConfig


def learning_rate(step: int, steps: int, config: OptimizerConfig) -> float:
    """Linear warm-up to ``lr``, then a cosine to ``final_lr`` at the last of ``steps`` steps (counted from 0)."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    progress = (step - config.warmup) / max(steps - 1 - config.warmup, 1)
    return config.final_lr + 0.5 * (config.lr - config.final_lr) * (1.0 + math.cos(math.pi * min(progress, 1.0)))


def build_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """Adam on what is trainable; weight decay, if any, on matrices and kernels only."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(config.beta1, config.beta2))


def mean_decay(step: int, ema: float) -> float:
    """Decay of the moving mean of the weights at a step: it forgets the start faster than it later forgets."""
    return min(ema, (1 + step) / (10 + step))


@torch.no_grad()
def update_mean(mean: dict[str, torch.Tensor], named: Iterable[tuple[str, nn.Parameter]], decay: float) -> None:
    """Move the mean towards the weights that are trained."""
    for name, parameter in named:
        if name in mean:
            mean[name].lerp_(parameter.detach(), 1.0 - decay)
