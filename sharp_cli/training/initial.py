"""What a network starts from: a weights file, or random values from which a small one trains well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

from sharp_cli.errors import SharpError
from sharp_cli.model.checkpoint import network_name
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.network import SharpNetwork
from sharp_cli.model.random_weights import random_tensors
from sharp_cli.training.config import TrainConfig
from sharp_cli.weights.read import read_weights
from sharp_cli.weights.resolve import resolve

START_DISPARITY = (0.4, 0.3)
"""Of the two layers, before any training; focal length over width, about 0.8, divided by it is the depth [m]."""

FINE_MAPS = 0.1
"""How strongly the depth decoder sees all but the coarsest map at first. The phases on coarse maps leave the finer ones
as they were sampled; at full strength they more than doubled a coarse network's depth loss."""


def start_network(config: TrainConfig) -> tuple[SharpNetwork, dict[str, Any]]:
    """The network on the CPU in fp32, and the record of the weights it came from (empty for random values).

    Weights of another window size are fitted: positions between those that they know are interpolated.

    Raises:
        SharpError: weights that cannot be found, or have other sizes than the configuration's.
    """
    if not config.init:
        sizes = config.network or SharpConfig()
        network = SharpNetwork(sizes)
        network.load_state_dict(draw_start(sizes, config.seed))
        return network, {}
    weights = read_weights(resolve(config.init))
    found = weights.config
    sizes = _with_context_of(found, config.network) if config.network else found
    if replace(sizes, image_size=found.image_size) != found:
        raise SharpError(f"cannot start from {weights.path}: its network sizes differ from the table 'network'")
    network = SharpNetwork(sizes)
    tensors = {network_name(name): tensor.float() for name, tensor in weights.tensors.items()}
    for name in (name for name in tensors if name.endswith(".pos_embed")):
        tensors[name] = resample_abs_pos_embed(tensors[name], [sizes.grid, sizes.grid])
    network.load_state_dict(tensors)
    return network, weights.record


def _with_context_of(found: SharpConfig, wanted: SharpConfig) -> SharpConfig:
    """Sizes with the context of weights, unless they have their own: presets name none."""
    if wanted.convnet_dims:
        return wanted
    return replace(wanted, convnet_dims=found.convnet_dims, context_dims=found.context_dims)


def draw_start(sizes: SharpConfig, seed: int) -> dict[str, Tensor]:
    """Initial values by the network's names.

    Signals keep their size through every layer (torch's own start shrinks them in each convolution, and the
    network has few norms); residual branches start small; what a decoder's level makes is handed on as it is, and
    depth's finer maps add little to it, so that finer levels start with what coarser ones have learned; the last
    layers start at zero, so that the network starts as its base Gaussians on flat depth.
    """
    tensors = {network_name(name): tensor for name, tensor in random_tensors(sizes, seed).items()}
    modules = dict(SharpNetwork(sizes).named_modules())
    coarsest = f"depth_decoder.convs.{len(sizes.encoder_dims) - 1}"
    for name, tensor in tensors.items():
        owner, _, kind = name.rpartition(".")
        if owner.endswith((".deconv", ".out_conv")) and kind == "weight":
            tensor.copy_(torch.eye(len(tensor))[..., None, None].expand_as(tensor))
        elif isinstance(module := modules[owner], nn.ConvTranspose2d) and kind == "weight":
            # Stride 2, kernel 2: a value is the sum over input channels alone.
            tensor.mul_((tensor[0].numel() / module.in_channels) ** 0.5)
        elif owner.startswith("depth_decoder.convs.") and owner != coarsest:
            tensor.mul_(FINE_MAPS)
        elif tensor.ndim == 1:
            tensor.fill_(0.3 if kind == "gamma" else float(kind == "weight"))
        elif owner.endswith(("residual.3", "residual.5")):
            tensor.mul_(0.3)
    for name, tensor in tensors.items():
        if name.startswith("context.backbone.stages.") and name.endswith("residual.4.weight"):
            tensor.fill_(0.3)  # its norm would undo a smaller kernel
    for last in ("prediction_heads.geometry", "prediction_heads.texture", "depth_adjustment.conv_out"):
        tensors[f"{last}.weight"].zero_()
    # Small together, neither alone: Adam moves every value alike, and tiny last weights would be thrown about.
    tensors["depth_head.2.weight"].mul_(0.1)
    tensors["depth_head.4.weight"].mul_(0.5)
    tensors["depth_head.4.bias"].copy_(torch.tensor(START_DISPARITY))
    return tensors
