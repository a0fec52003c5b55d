"""Teach the network's depth path end to end: encoder, depth decoder, depth head, from labels and truth.

The depth phases of `sharp train` see synthetic scenes alone. This one shows photos beside them, so that the decoder
learns to read what an encoder has learned from photos.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.model.network import SharpNetwork
from sharp_cli.training.config import OptimizerConfig, Phase
from sharp_cli.training.freezing import UNUSED, VITS, is_trainable
from sharp_cli.training.losses.layers import surface_behind
from sharp_cli.training.precision import choose_training_dtype
from sharp_cli.training.schedule import Optimizers, muon
from sharp_cli.training.teacher.augment import degrade, recolor
from sharp_cli.training.teacher.config import SightConfig
from sharp_cli.training.teacher.lesson import Lesson
from sharp_cli.training.teacher.losses import WEIGHTS as TERM_WEIGHTS
from sharp_cli.training.teacher.losses import disparity_losses, floored
from sharp_cli.training.teacher.material import Material, validate_disparity

PHASES: dict[int, Phase] = {1: "coarsest", 2: "coarse", 4: "depth"}
"""By windows along a picture's side: which phase trains the same values."""
CELLS = 128
"""Largest side of the disparity maps that are compared: labels have no finer detail."""
HIDDEN, REACH = 0.4, 0.04
"""Weight of the second layer's term, and how far the surface behind an edge goes on (share of the side)."""
OFFSET = 0.02
"""Share of a picture's mean disparity below which differences fade."""
CLIP = 2.0
BETAS = (0.9, 0.99)


def sight_lesson(config: SightConfig, network: SharpNetwork, material: Material) -> Lesson:
    """The whole network, of which only the way to disparity is trained."""
    network.backbone_dtype = choose_training_dtype("auto", torch.device("cpu"))

    def finish(model: nn.Module) -> SharpNetwork:
        assert isinstance(model, SharpNetwork)
        return model

    return Lesson(
        model=network,
        optimizer=choose_values(network.train(), config),
        rates=OptimizerConfig(config.lr, 0.03 * config.lr, config.warmup),
        clip=CLIP,
        losses=lambda model: sight_losses(model, config, material),
        validate=lambda model: validate_disparity(
            lambda images: predict(model, images)[:, 0].clamp(min=1e-4).log(),
            material.held_out,
            config.side * network.config.window,
        ),
        finish=finish,
    )


def choose_values(network: SharpNetwork, config: SightConfig) -> Optimizers:
    """Let gradients flow to what is trained, and give it an optimizer: ViTs apart, at a rate of their own."""
    kept = {f"blocks.{block}." for block in range(max(network.encoder.latent_blocks) + 1)}
    kept |= {"cls_token", "pos_embed", "patch_embed"}
    first = tuple(f"encoder.patch_encoder.{name}" for name in kept)
    vits: list[nn.Parameter] = []
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        trained = is_trainable(name, "all", PHASES[config.side], False) and not name.startswith(UNUSED)
        in_vit = name.startswith(VITS)
        trained = trained and not (in_vit and (not config.vit_lr or name.startswith(first)))
        trained = trained and not name.startswith(config.keep)
        parameter.requires_grad_(trained)
        if trained:
            by_muon = config.muon and ".blocks." in name and parameter.ndim == 2
            (others if not in_vit else matrices if by_muon else vits).append(parameter)
    groups = [{"params": others, "times": 1.0}, *([{"params": vits, "times": config.vit_lr}] if vits else [])]
    parts: list[torch.optim.Optimizer] = [torch.optim.Adam(groups, lr=config.lr, betas=BETAS)]
    if matrices:
        parts.append(muon(matrices, config.muon, config.lr))
    return Optimizers(parts)


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """(B, 3, S, S) pictures in [0, 1] of one, two or four windows → (B, 2, H, H) disparity."""
    assert isinstance(model, SharpNetwork)
    whole = images.shape[-1] == model.config.resolution
    return model.predict_disparity(images) if whole else model.predict_coarse_disparity(images)


def sight_losses(model: nn.Module, config: SightConfig, material: Material) -> dict[str, Tensor]:
    """Weighted terms of the loss on the next batch."""
    assert isinstance(model, SharpNetwork)
    side = config.side * model.config.window
    cells = min(CELLS, side // 2)
    images, true, _ = material.batch(config, side, cells, model.config.grid)
    return layer_terms(predict(model, degrade(recolor(images))), true)


def layer_terms(disparity: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Weighted terms of both layers.

    Args:
        disparity: (B, 2, R, R) as the network predicts it.
        true: (B, H, H) with R a multiple of H; 0 where not known.
    """
    known = true > 0
    counted = known.float()
    true = floored(true, known)
    found = disparity.float()
    if found.shape[-1] != true.shape[-1]:
        found = F.interpolate(found, true.shape[1:], mode="area")
    pixels = counted.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    offset = OFFSET * (true * counted).sum(dim=(1, 2), keepdim=True) / pixels
    seen, behind = ((layer + offset).log() for layer in found.clamp(min=1e-4).unbind(1))
    terms = disparity_losses(seen, true + offset, known)
    losses = {name: TERM_WEIGHTS[name] * term.mean() for name, term in terms.items()}
    scale = ((seen - (true + offset).log()) * counted).sum(dim=(1, 2), keepdim=True) / pixels
    hidden = surface_behind(true[:, None], known[:, None], REACH)[:, 0]
    error = (behind - (hidden + offset).log() - scale.detach()).abs() * counted
    return {**losses, "hidden": HIDDEN * (error.sum(dim=(1, 2), keepdim=True) / pixels).mean()}
