"""Teach an encoder of the network from labels: photos, synthetic pictures and photos with measured depth, all changed.

Three thousand photos are few for a ViT. So each look differs in crop and color, most looks leave patches out, and what
remains has to give the teacher's features as well as disparity. The decoders have to be trained again after it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.model.network import SharpNetwork
from sharp_cli.training.config import OptimizerConfig
from sharp_cli.training.precision import training_autocast
from sharp_cli.training.schedule import build_optimizer
from sharp_cli.training.teacher.augment import degrade, recolor
from sharp_cli.training.teacher.config import DistillConfig
from sharp_cli.training.teacher.lesson import Lesson
from sharp_cli.training.teacher.losses import WEIGHTS as TERM_WEIGHTS
from sharp_cli.training.teacher.losses import disparity_losses, floored
from sharp_cli.training.teacher.material import Material, validate_disparity
from sharp_cli.training.teacher.pictures import Pictures
from sharp_cli.training.teacher.reader import CELLS, Reader

COLORS = 1.4
"""Colors change more than a teacher's do: its labels are of the unchanged picture."""
CLIP = 5.0


def distill_lesson(config: DistillConfig, network: SharpNetwork, material: Material) -> Lesson:
    """One encoder of the network, with what reads it; the start's weights keep all else."""
    encoder = getattr(network.encoder, f"{config.encoder}_encoder")
    reader = Reader(encoder, 0 if material.labels is None else material.labels.features.shape[1])
    if config.encoder == "patch":
        keep_first_blocks(reader, network)

    def finish(model: nn.Module) -> SharpNetwork:
        assert isinstance(model, Reader)
        encoder.load_state_dict(model.encoder.state_dict())
        return network

    rates = OptimizerConfig(config.lr, 0.02 * config.lr, config.warmup, muon=config.muon)
    return Lesson(
        model=reader,
        optimizer=build_optimizer(reader, rates),
        rates=rates,
        clip=CLIP,
        losses=lambda model: distill_losses(model, config, material),
        validate=lambda model: validate(model, material.held_out),
        finish=finish,
    )


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
