"""Which values a training run changes, and that gradients reach exactly those."""

from __future__ import annotations

import math

import pytest
import torch
from training_runs import SIZES

from sharp_cli.model.checkpoint import empty_network, expected_shapes
from sharp_cli.model.config import SharpConfig
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.freezing import freeze, is_trainable
from sharp_cli.training.initial import start_network
from sharp_cli.training.phases import picture_side

RELEASED_TRAINABLE = 339_797_231


def trainable_values(config: SharpConfig, **choices) -> int:
    named = empty_network(config).named_parameters()
    return sum(value.numel() for name, value in named if is_trainable(name, **choices))


def test_the_released_recipe_trains_exactly_the_papers_number_of_values():
    assert trainable_values(SharpConfig(), trainable="released") == RELEASED_TRAINABLE
    held = sum(math.prod(shape) for shape in expected_shapes(SharpConfig()).values())
    assert held == 702_305_169 - 44_774_050  # the classifier heads, which no network of ours holds


def test_other_choices_freeze_what_they_say():
    names = [name for name, _ in empty_network(SIZES).named_parameters()]
    frozen = [name for name in names if not is_trainable(name, "frozen-backbone")]
    assert frozen and all(name.startswith(("encoder.patch_encoder.", "encoder.image_encoder.")) for name in frozen)
    encoder = {name.split(".")[0] for name in names if not is_trainable(name, "frozen-encoder")}
    assert encoder == {"encoder"}
    gaussians = {name.split(".")[0] for name in names if is_trainable(name, "frozen-depth", "full", False)}
    assert gaussians == {"gaussian_decoder", "prediction_heads"}
    depth = {name.split(".")[0] for name in names if is_trainable(name, "all", "depth")}
    assert depth == {"encoder", "depth_decoder", "depth_head"}
    assert all(is_trainable(name, "all") for name in names)
    assert not [name for name in names if is_trainable(name, "all", "full", False) and "depth_adjustment" in name]


@pytest.mark.parametrize("phase", ["coarsest", "coarse", "depth", "full"])
def test_gradients_reach_every_trainable_tensor_and_no_frozen_one(phase: str):
    config = TrainConfig(phase=phase, network=SIZES, trainable="all", adjust_depth=False)  # type: ignore[arg-type]
    network, _ = start_network(config)
    with torch.no_grad():  # the last layers start at zero, which lets nothing through to those before them
        for last in (network.prediction_heads.geometry, network.prediction_heads.texture):
            last.weight.normal_(std=0.01)
    freeze(network, config)
    network.train()
    side = picture_side(network, config)
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    if phase == "full":
        loss = sum(value.square().mean() for value in network.predict(image, torch.tensor([0.8])).gaussians)
    else:
        see = network.predict_disparity if phase == "depth" else network.predict_coarse_disparity
        disparity = see(image)
        assert disparity.shape[-1] == (side if phase == "depth" else side // 2)
        loss = (disparity * torch.rand(disparity.shape, generator=torch.Generator().manual_seed(2))).mean()
    loss.backward()  # type: ignore[union-attr]
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == parameter.requires_grad, name


def test_freeze_leaves_out_what_nothing_flows_through():
    network = empty_network(SharpConfig())
    counts = freeze(network, TrainConfig())
    decoders = (network.depth_decoder, network.gaussian_decoder.decoder)
    unused = sum(value.numel() for each in decoders for value in each.fusions[-1].resnet1.parameters())
    assert counts["trainable"] + unused == RELEASED_TRAINABLE
