"""Which of the network's values are trained."""

from __future__ import annotations

from sharp_cli.model.network import SharpNetwork
from sharp_cli.training.config import Phase, Trainable, TrainConfig

PATCH_ENCODER = (
    "encoder.patch_encoder.",
    "encoder.upsample_latent0.",
    "encoder.upsample_latent1.",
    "encoder.upsample0.",
    "encoder.upsample1.",
    "encoder.upsample2.",
)
"""The ViT that sees the windows, and the projections of its maps."""

VITS = ("encoder.patch_encoder.", "encoder.image_encoder.")

DEPTH = ("encoder.", "context.", "depth_decoder.", "depth_head.")
"""What the depth phase runs."""

FINE = (
    "encoder.upsample_latent0.",
    "encoder.upsample_latent1.",
    "encoder.upsample0.",
    *(f"depth_decoder.{part}.{level}." for part in ("convs", "fusions") for level in range(3)),
    "context.joins.0.",
    *(f"context.decoder.{part}.0." for part in ("norms", "project", "down", "blocks")),
)
"""What of that the coarse phase does not run."""

MIDDLE = (
    "encoder.upsample1.",
    "depth_decoder.convs.3.",
    "depth_decoder.fusions.3.",
    "context.joins.1.",
    *(f"context.decoder.{part}.1." for part in ("norms", "project", "down", "blocks")),
)
"""What besides the coarsest phase does not run."""

LEFT_OUT: dict[str, tuple[str, ...]] = {"depth": (), "coarse": FINE, "coarsest": FINE + MIDDLE}
"""By phase on depth alone: what of ``DEPTH`` it does not run."""

UNUSED = tuple(f"{decoder}.fusions.4.resnet1." for decoder in ("depth_decoder", "gaussian_decoder.decoder"))
"""In the checkpoint, but nothing flows through it; counted as trainable by the paper, and never changed."""


def is_trainable(name: str, trainable: Trainable, phase: Phase = "full", adjust_depth: bool = True) -> bool:
    """Whether a value of the network is trained.

    ``released`` is the paper's recipe (docs/training.md): the patch encoder with its projections is frozen, and so are
    the depth network's norm layers, which are the image encoder's LayerNorms. Of the released network's
    702,305,169 values that leaves 339,797,231; 44,774,050 of the frozen ones are the ViTs' classifier heads, which
    this package does not load.

    Args:
        name: a parameter's name in :class:`~sharp_cli.model.network.SharpNetwork`.
    """
    if phase in LEFT_OUT and (not name.startswith(DEPTH) or name.startswith(LEFT_OUT[phase])):
        return False
    if not adjust_depth and name.startswith("depth_adjustment."):
        return False
    if trainable == "all":
        return True
    if trainable == "frozen-backbone":
        return not name.startswith(VITS)
    if trainable == "frozen-encoder":
        return not name.startswith("encoder.")
    if trainable == "frozen-depth":
        return not name.startswith(DEPTH)
    return not name.startswith(PATCH_ENCODER) and not (name.startswith(VITS) and ".norm" in name)


def freeze(network: SharpNetwork, config: TrainConfig) -> dict[str, int]:
    """Let gradients flow to what is trained only; the numbers of values, ``trainable`` and ``in all``."""
    # The photos of phase "self" have no true depth to adjust toward.
    adjust = config.adjust_depth and config.phase == "full"
    for name, parameter in network.named_parameters():
        wanted = is_trainable(name, config.trainable, config.phase, adjust)
        parameter.requires_grad_(wanted and not name.startswith(UNUSED))
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return {"trainable": sum(n for n, wanted in sizes if wanted), "in all": sum(n for n, _ in sizes)}
