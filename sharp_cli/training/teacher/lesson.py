"""What the recipes that teach a network share: material, a stage, and the weights that it ends in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sharp_cli.model.network import SharpNetwork
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.training.config import OptimizerConfig, TrainConfig
from sharp_cli.training.initial import start_network
from sharp_cli.training.schedule import Optimizers, learning_rate
from sharp_cli.training.state import WEIGHTS, without_folders, write_trained
from sharp_cli.training.teacher.config import StudentConfig
from sharp_cli.training.teacher.material import Material, load_material
from sharp_cli.training.teacher.stage import Stage, run_stage


@dataclass(frozen=True)
class Lesson:
    """What one recipe teaches."""

    model: nn.Module
    """What is trained: all or some of the network, with what reads it."""
    optimizer: Optimizers
    rates: OptimizerConfig
    clip: float
    """Longest gradient."""
    losses: Callable[[nn.Module], dict[str, Tensor]]
    """Of the model on its next batch, weighted terms whose sum is minimized."""
    validate: Callable[[nn.Module], dict[str, float]]
    finish: Callable[[nn.Module], SharpNetwork]
    """The whole network with what the model has learned."""


def teach(
    config: StudentConfig,
    begin: Callable[[SharpNetwork, Material], Lesson],
    folder: Path,
    log: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Teach a lesson, or go on from the folder's checkpoint; runs on the CPU.

    Args:
        begin: the lesson for the network that ``config.init`` names, on this material.
        folder: gets ``checkpoint.pt``, and at the end, or where it is stopped, ``weights.safetensors``.
        log: called with lines about the progress.
        stop: asked after each step; true ends the run with a checkpoint.

    Returns:
        Whether the last step was reached.

    Raises:
        SharpError: weights, labels, pictures or a checkpoint cannot be used.
    """
    keep_freed_memory()
    start, origin = start_network(TrainConfig(init=config.init))
    material = load_material(config)
    torch.manual_seed(config.seed)  # only now: drawing takes random numbers, reading what was generated does not
    lesson = begin(start, material)
    stage = Stage.of(lesson.model, lesson.optimizer, _settings(config))
    finished = run_stage(
        stage,
        folder,
        config.steps,
        lesson.losses,
        lambda step: learning_rate(step, config.steps, lesson.rates),
        ema=config.ema,
        clip=lesson.clip,
        save_every=config.save_every,
        validate=lesson.validate,
        log=log,
        stop=stop,
    )
    network = lesson.finish(stage.mean)
    write_trained(folder / WEIGHTS, network, origin, folder.resolve().name, _record(config, stage))
    return finished


def _settings(config: StudentConfig) -> dict[str, Any]:
    """What a checkpoint must agree on: everything but where the material comes from."""
    settings = {key: value for key, value in asdict(config).items() if key not in ("drawn", "measured", "labels")}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def _record(config: StudentConfig, stage: Stage) -> dict[str, Any]:
    """The stage as the record of the weights it ends in has it."""
    photos = config.batch if config.labels else 0
    measured = config.measured_batch if config.measured.folder else 0
    samples = stage.step * (photos + config.synthetic_batch + measured)
    entry = {"steps": stage.step, "samples": samples, "seconds": round(stage.seconds)}
    return {**entry, "config": without_folders(stage.settings)}
