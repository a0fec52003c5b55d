"""Train a teacher: synthetic pictures with their truth, and photos with measured depth if there are any."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.training.schedule import Optimizers
from sharp_cli.training.state import restoring
from sharp_cli.training.teacher.augment import degrade, recolor
from sharp_cli.training.teacher.config import TeacherConfig
from sharp_cli.training.teacher.decoder import Teacher, start_teacher
from sharp_cli.training.teacher.losses import WEIGHTS, disparity_losses, floored
from sharp_cli.training.teacher.material import load_measured, load_synthetic, look, validate_disparity
from sharp_cli.training.teacher.pictures import Pictures
from sharp_cli.training.teacher.stage import CHECKPOINT, Stage, read_checkpoint, run_stage

LAST_RATE = 0.02
"""The learning rate falls along a cosine to about this share of its highest value."""
CLIP = 2.0


def train_teacher(
    config: TeacherConfig, folder: Path, log: Callable[[str], None], stop: Callable[[], bool] = lambda: False
) -> bool:
    """Train, or go on from the folder's checkpoint; runs on the CPU.

    Args:
        folder: gets ``checkpoint.pt``, from which :func:`load_teacher` reads.
        log: called with lines about the progress.
        stop: asked after each step; true ends the run with a checkpoint.

    Returns:
        Whether the last step was reached.

    Raises:
        SharpError: features, pictures or a checkpoint cannot be used.
    """
    keep_freed_memory()
    synthetic, held_out = load_synthetic(config.drawn)
    measured = load_measured(config.measured, held_out)
    torch.manual_seed(config.seed)  # only now: drawing takes random numbers, reading what was generated does not
    teacher = start_teacher(config.kind, Path(config.features))
    names = ["decoder"] + (["features"] if any(True for _ in teacher.features.parameters()) else [])
    rates = {"decoder": config.lr, "features": config.feature_lr}
    groups = [{"params": list(getattr(teacher, name).parameters()), "times": rates[name] / config.lr} for name in names]
    optimizer = Optimizers([torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.99), weight_decay=1e-2)])
    settings = {key: value for key, value in asdict(config).items() if key not in ("features", "drawn", "measured")}

    def losses(model: nn.Module) -> dict[str, Tensor]:
        images, disparities = training_batch(config, synthetic, measured)
        return weighted_losses(model(images), disparities)

    def rate(step: int) -> float:
        fall = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * step / config.steps))
        return config.lr * fall * min(1.0, (step + 1) / config.warmup)

    return run_stage(
        Stage.of(teacher, optimizer, settings),
        folder,
        config.steps,
        losses,
        rate,
        ema=config.ema,
        clip=CLIP,
        save_every=config.save_every,
        validate=lambda model: validate_disparity(model, held_out, config.drawn.side),
        log=log,
        stop=stop,
    )


def training_batch(config: TeacherConfig, synthetic: Pictures, measured: Pictures | None) -> tuple[Tensor, Tensor]:
    """Changed crops: (B, 3, S, S) in [0, 1] and (B, S/2, S/2) disparities, 0 where not known."""
    side = config.drawn.side
    parts = [look(synthetic, config.batch, config.smallest, side, side // 2)]
    if measured is not None and config.measured_batch:
        parts.append(look(measured, config.measured_batch, config.smallest, side, side // 2))
    images, disparities = (torch.cat(values) for values in zip(*parts, strict=True))
    return degrade(recolor(images)), disparities


def weighted_losses(log_disparity: Tensor, disparities: Tensor) -> dict[str, Tensor]:
    """Terms of the loss, weighted, of predictions and (B, H, W) true disparities, 0 where not known."""
    known = disparities > 0
    terms = disparity_losses(log_disparity, floored(disparities, known), known)
    return {name: WEIGHTS[name] * term.mean() for name, term in terms.items()}


def load_teacher(folder: Path, features: Path) -> Teacher:
    """The moving mean of a finished or unfinished run.

    Args:
        folder: of the run.
        features: folder of the feature networks' files.

    Raises:
        SharpError: the checkpoint or the features cannot be read.
    """
    stored: dict[str, Any] = read_checkpoint(folder / CHECKPOINT)
    with restoring(folder / CHECKPOINT, "train the teacher again"):
        teacher = start_teacher(stored["settings"]["kind"], features)
        teacher.load_state_dict(stored["mean"])
    return teacher.eval().requires_grad_(False)
