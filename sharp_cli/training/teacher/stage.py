"""A stage of training on pictures in memory: steps, moving mean, checkpoints. Random draws go on where they stopped."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write
from sharp_cli.training.schedule import Optimizers, mean_decay, update_mean
from sharp_cli.training.state import restoring

CHECKPOINT = "checkpoint.pt"
FORGET = 0.98
"""Decay of the shown means of the loss's terms, a step."""


@dataclass
class Stage:
    """What is trained, and how far it is."""

    model: nn.Module
    optimizer: Optimizers
    mean: nn.Module
    """The same with the moving mean of its weights: what is validated and exported."""
    settings: dict[str, Any]
    """The configuration; a checkpoint of another one is not gone on with."""
    step: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, model: nn.Module, optimizer: Optimizers, settings: dict[str, Any]) -> Stage:
        """A stage at its start."""
        return cls(model, optimizer, copy.deepcopy(model), settings)


def run_stage(
    stage: Stage,
    folder: Path,
    steps: int,
    losses: Callable[[nn.Module], dict[str, Tensor]],
    rate: Callable[[int], float],
    *,
    ema: float,
    clip: float,
    save_every: int,
    validate: Callable[[nn.Module], dict[str, float]],
    log: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Go on with a stage to its last step, or until ``stop`` says so after one.

    Args:
        folder: gets the checkpoint, every ``save_every`` steps and at the end.
        losses: of the model on its next batch, weighted terms whose sum is minimized.
        rate: learning rate of a step.
        ema: decay of the moving mean.
        clip: longest gradient.

    Returns:
        Whether the last step was reached.

    Raises:
        SharpError: a loss is not finite, or a checkpoint cannot be used or written.
    """
    load_stage(folder, stage)
    parameters = [parameter for parameter in stage.model.parameters() if parameter.requires_grad]
    averages: dict[str, Tensor] = dict(stage.mean.named_parameters())
    shown: dict[str, float] = {}
    while stage.step < steps:
        begun = time.monotonic()
        terms = losses(stage.model)
        loss = torch.stack(list(terms.values())).sum()
        if not loss.isfinite():
            raise SharpError(
                f"step {stage.step + 1}: the loss is not finite: {_in_words(_numbers(terms))} (try a lower lr)"
            )
        stage.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, clip)
        stage.optimizer.step(rate(stage.step))
        trained = ((name, value) for name, value in stage.model.named_parameters() if value.requires_grad)
        update_mean(averages, trained, mean_decay(stage.step, ema))
        stage.step += 1
        stage.seconds += time.monotonic() - begun
        for name, value in _numbers(terms).items():
            shown[name] = FORGET * shown.get(name, value) + (1 - FORGET) * value
        ended = stop()
        if ended or stage.step % save_every == 0 or stage.step == steps:
            save_stage(folder, stage)
            log(f"[{stage.step}/{steps}] {_in_words(shown)}; validation {_in_words(validate(stage.mean))}")
        if ended:
            break
    return stage.step >= steps


def save_stage(folder: Path, stage: Stage) -> None:
    """Write the checkpoint, whole or not at all."""
    stored = {
        "step": stage.step,
        "seconds": stage.seconds,
        "settings": stage.settings,
        "model": stage.model.state_dict(),
        "mean": stage.mean.state_dict(),
        "optimizer": stage.optimizer.state_dict(),
        "random": torch.get_rng_state(),
    }
    try:
        with atomic_write(folder / CHECKPOINT) as temporary:
            torch.save(stored, temporary)
    except OSError as error:
        raise SharpError(f"cannot write {folder / CHECKPOINT}: {error.strerror or error}") from error


def load_stage(folder: Path, stage: Stage) -> None:
    """Bring a stage to where the folder's checkpoint was written, if there is one.

    Raises:
        SharpError: it is damaged, or of another configuration.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return
    stored = read_checkpoint(path)
    if not isinstance(stored, dict) or not isinstance(stored.get("settings"), dict):
        raise SharpError(f"cannot resume {path}: it holds something else (delete it to start over)")
    free = {"steps", "save_every"}
    settings, before = (
        {k: v for k, v in each.items() if k not in free} for each in (stage.settings, stored["settings"])
    )
    if settings != before:
        changed = sorted(key for key in settings.keys() | before.keys() if settings.get(key) != before.get(key))
        raise SharpError(f"cannot resume {path}: it has another {', '.join(changed)} (choose another folder)")
    with restoring(path, "delete it to start over"):
        stage.model.load_state_dict(stored["model"])
        stage.mean.load_state_dict(stored["mean"])
        stage.optimizer.load_state_dict(stored["optimizer"])
        torch.set_rng_state(stored["random"])
        stage.step, stage.seconds = int(stored["step"]), float(stored["seconds"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A stage's checkpoint.

    Raises:
        SharpError: it is missing or damaged.
    """
    try:
        stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for damaged files
        raise SharpError(f"cannot read the checkpoint {path}: {error}") from error
    return stored


def _numbers(terms: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(term.detach()) for name, term in terms.items()}


def _in_words(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
