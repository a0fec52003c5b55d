"""Teach an encoder of the network from labels: photos, synthetic pictures and photos with measured depth, all changed.

Three thousand photos are few for a ViT. So each look differs in crop and color, most looks leave patches out, and what
remains has to give the teacher's features as well as disparity. The decoders have to be trained again after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.model.network import SharpNetwork
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.training.config import OptimizerConfig, TrainConfig
from sharp_cli.training.initial import start_network
from sharp_cli.training.precision import training_autocast
from sharp_cli.training.schedule import build_optimizer, learning_rate
from sharp_cli.training.state import WEIGHTS, without_folders, write_trained
from sharp_cli.training.teacher.augment import degrade, recolor
from sharp_cli.training.teacher.config import DistillConfig, StudentConfig
from sharp_cli.training.teacher.losses import WEIGHTS as TERM_WEIGHTS
from sharp_cli.training.teacher.losses import disparity_losses, floored
from sharp_cli.training.teacher.material import Material, load_material, validate_disparity
from sharp_cli.training.teacher.pictures import Pictures
from sharp_cli.training.teacher.reader import CELLS, Reader
from sharp_cli.training.teacher.stage import Stage, run_stage

COLORS = 1.4
"""Colors change more than a teacher's do: its labels are of the unchanged picture."""
CLIP = 5.0


def distill(
    config: DistillConfig, folder: Path, log: Callable[[str], None], stop: Callable[[], bool] = lambda: False
) -> bool:
    """Teach, or go on from the folder's checkpoint; runs on the CPU.

    Args:
        folder: gets ``checkpoint.pt``, and at the end or where it is stopped ``weights.safetensors``, the start's
            weights with the taught encoder.
        log: called with lines about the progress.
        stop: asked after each step; true ends the run with a checkpoint.

    Returns:
        Whether the last step was reached.

    Raises:
        SharpError: weights, labels, pictures or a checkpoint cannot be used.
    """
    keep_freed_memory()
    material = load_material(config)
    torch.manual_seed(config.seed)  # only now: drawing takes random numbers, reading what was generated does not
    network, origin = start_network(TrainConfig(init=config.init))
    encoder = getattr(network.encoder, f"{config.encoder}_encoder")
    reader = Reader(encoder, 0 if material.labels is None else material.labels.features.shape[1])
    if config.encoder == "patch":
        keep_first_blocks(reader, network)
    rates = OptimizerConfig(config.lr, 0.02 * config.lr, config.warmup, muon=config.muon)
    stage = Stage.of(reader, build_optimizer(reader, rates), stage_settings(config))
    finished = run_stage(
        stage,
        folder,
        config.steps,
        lambda model: distill_losses(model, config, material),
        lambda step: learning_rate(step, config.steps, rates),
        ema=config.ema,
        clip=CLIP,
        save_every=config.save_every,
        validate=lambda model: validate(model, material.held_out),
        log=log,
        stop=stop,
    )
    assert isinstance(stage.mean, Reader)
    encoder.load_state_dict(stage.mean.encoder.state_dict())
    write_trained(folder / WEIGHTS, network, origin, folder.resolve().name, training_entry(config, stage))
    return finished


def stage_settings(config: StudentConfig) -> dict[str, Any]:
    """What a checkpoint must agree on: everything but where the material comes from."""
    settings = {key: value for key, value in asdict(config).items() if key not in ("drawn", "measured", "labels")}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def training_entry(config: StudentConfig, stage: Stage) -> dict[str, Any]:
    """The stage as the record of the weights it ends in has it."""
    photos = config.batch if config.labels else 0
    measured = config.measured_batch if config.measured.folder else 0
    samples = stage.step * (photos + config.synthetic_batch + measured)
    entry = {"steps": stage.step, "samples": samples, "seconds": round(stage.seconds)}
    return {**entry, "config": without_folders(stage.settings)}


def keep_first_blocks(reader: Reader, network: SharpNetwork) -> None:
    """Of the patch encoder, train only what comes after the blocks that the fine maps are made of."""
    last = max(network.encoder.latent_blocks)
    trained = tuple(f"blocks.{block}." for block in range(last + 1, len(reader.encoder.blocks)))
    for name, parameter in reader.encoder.named_parameters():
        parameter.requires_grad_(name.startswith((*trained, "norm.")))


def distill_losses(model: nn.Module, config: DistillConfig, material: Material) -> dict[str, Tensor]:
    """Weighted terms of the loss of a reader on the next batch."""
    assert isinstance(model, Reader)
    images, disparities, features = material.batch(config, model.side, CELLS * model.grid, model.grid)
    kept = _choose_patches(config, len(images), model.grid**2)
    with training_autocast("cpu"):
        cells, predicted = model(degrade(recolor(images, COLORS)), kept)
    log_disparity, seen = model.to_map(cells, kept)
    known = disparities > 0
    terms = disparity_losses(log_disparity, floored(disparities, known), known & seen)
    losses = {name: TERM_WEIGHTS[name] * term.mean() for name, term in terms.items()}
    if features is None:
        return losses
    wanted = features.flatten(2).transpose(1, 2)
    if kept is not None:
        wanted = wanted.take_along_dim(kept[: len(wanted), :, None], dim=1)
    error = F.smooth_l1_loss(predicted[: len(wanted)], wanted, beta=0.5)
    return {**losses, "features": config.feature_weight * error}


def _choose_patches(config: DistillConfig, count: int, patches: int) -> Tensor | None:
    share = config.kept[int(torch.randint(len(config.kept), ()))]
    return torch.rand(count, patches).argsort(dim=1)[:, : int(share * patches)] if share < 1 else None


def validate(reader: nn.Module, held_out: dict[str, Pictures]) -> dict[str, float]:
    """Shape error and correlation of whole pictures, by what they are."""
    assert isinstance(reader, Reader)
    return validate_disparity(lambda images: reader.to_map(reader(images)[0])[0], held_out, reader.side)
