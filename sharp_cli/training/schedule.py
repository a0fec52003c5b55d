"""How fast the network learns when."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from sharp_cli.errors import SharpError
from sharp_cli.training.config import OptimizerConfig


def learning_rate(step: int, steps: int, config: OptimizerConfig) -> float:
    """Linear warm-up to ``lr``, then a cosine to ``final_lr`` at the last of ``steps`` steps (counted from 0)."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    progress = (step - config.warmup) / max(steps - 1 - config.warmup, 1)
    return config.final_lr + 0.5 * (config.lr - config.final_lr) * (1.0 + math.cos(math.pi * min(progress, 1.0)))


class Optimizers:
    """Several of torch's that share out the network's values, as one."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = parts

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def step(self, rate: float) -> None:
        """Move the weights; ``rate`` is multiplied by what each group of values has as ``times``."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate * group["times"]
            part.step()

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(saved)


def build_optimizer(network: nn.Module, config: OptimizerConfig) -> Optimizers:
    """Adam on what is trainable, Muon on the matrices of ViT blocks if wanted; weight decay, if any, on matrices and
    kernels only.

    Raises:
        SharpError: Muon is wanted, and this torch does not have it.
    """
    named = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    matrices = [p for name, p in named if config.muon and ".blocks." in name and p.ndim == 2]
    chosen = {id(parameter) for parameter in matrices}
    others = [parameter for _, parameter in named if id(parameter) not in chosen]
    groups = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": config.weight_decay, "times": 1.0},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0, "times": 1.0},
    ]
    parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=config.lr, betas=(config.beta1, config.beta2))]
    if matrices:
        parts.append(muon(matrices, config.muon, config.lr, config.weight_decay))
    return Optimizers(parts)


def muon(matrices: Sequence[nn.Parameter], times: float, lr: float, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Muon on matrices, at ``times`` the learning rate.

    Raises:
        SharpError: this torch does not have it.
    """
    if not hasattr(torch.optim, "Muon"):
        raise SharpError(f"optimizer.muon needs torch 2.9 or later, and this is {torch.__version__} (or set it to 0)")
    group = {"params": list(matrices), "times": times}
    optimizer: torch.optim.Optimizer = torch.optim.Muon([group], lr=lr, weight_decay=weight_decay)
    return optimizer


def mean_decay(step: int, ema: float) -> float:
    """Decay of the moving mean of the weights at a step: it forgets the start faster than it later forgets."""
    return min(ema, (1 + step) / (10 + step))


@torch.no_grad()
def update_mean(mean: dict[str, torch.Tensor], named: Iterable[tuple[str, nn.Parameter]], decay: float) -> None:
    """Move the mean toward the weights that are trained."""
    for name, parameter in named:
        if name in mean:
            mean[name].lerp_(parameter.detach(), 1.0 - decay)
