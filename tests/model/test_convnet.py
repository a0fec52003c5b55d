"""A network with a convolutional network beside its ViTs: sizes, names, and what it changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from training_runs import SIZES

from sharp_cli.errors import SharpError
from sharp_cli.model.checkpoint import expected_shapes
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.network import SharpNetwork
from sharp_cli.model.precision import place_tensors
from sharp_cli.model.random_weights import random_tensors

WITH_CONTEXT = replace(SIZES, convnet_dims=(8, 16, 16, 24), context_dims=(8, 16, 16))


def network_with(config: SharpConfig, dtype: torch.dtype = torch.float32) -> SharpNetwork:
    network = SharpNetwork(config)
    place_tensors(network, random_tensors(config), dtype, torch.device("cpu"))
    return network.eval()


def picture(windows: int) -> torch.Tensor:
    side = windows * SIZES.window
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(windows))


def test_the_released_model_has_none() -> None:
    assert SharpNetwork(SIZES).context is None
    assert not any(name.startswith("context.") for name in expected_shapes(SIZES))
    assert not {"convnet_dims", "context_dims"} & SIZES.to_dict().keys()


def test_its_sizes_are_in_the_weights_file_config() -> None:
    assert SharpConfig.from_dict(WITH_CONTEXT.to_dict()) == WITH_CONTEXT
    added = expected_shapes(WITH_CONTEXT).keys() - expected_shapes(SIZES).keys()
    assert added and all(name.startswith("context.") for name in added)


@pytest.mark.parametrize(
    "sizes",
    [
        {"convnet_dims": (8, 16, 16, 24)},
        {"context_dims": (8, 16, 16)},
        {"convnet_dims": (8, 16, 16), "context_dims": (8, 16, 16)},
        {"convnet_dims": (8, 16, 16, 20), "context_dims": (8, 16, 16)},
        {"convnet_dims": (8, 16, 16, 24), "context_dims": 8},
        {"image_size": 112, "patch_size": 14, "convnet_dims": (8, 16, 16, 24), "context_dims": (8, 16, 16)},
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, object]) -> None:
    with pytest.raises(SharpError, match="invalid network config"):
        SharpConfig.from_dict({**SIZES.to_dict(), **sizes})


@pytest.mark.parametrize("windows", [1, 2, 4])
@torch.no_grad()
def test_it_changes_depth_by_what_its_joins_let_through(windows: int) -> None:
    network, without = network_with(WITH_CONTEXT), network_with(SIZES)
    without.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("context.")})
    see = "predict_disparity" if windows == 4 else "predict_coarse_disparity"
    image = picture(windows)
    before = getattr(without, see)(image)
    assert not torch.equal(getattr(network, see)(image), before)
    assert network.context is not None
    for join in network.context.joins:
        join.weight.zero_()
    torch.testing.assert_close(getattr(network, see)(image), before, rtol=0, atol=0)


@torch.no_grad()
def test_the_gaussian_decoder_reads_the_encoder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_with(WITH_CONTEXT)
    image = picture(4)
    plain = network.encoder(2 * image - 1)
    seen: list[list[torch.Tensor]] = []
    network.gaussian_decoder.register_forward_pre_hook(lambda _, inputs: seen.append(list(inputs[0])))
    network.predict(image, torch.tensor([0.8]))
    for found, expected in zip(seen[0], plain, strict=True):
        torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_in_bf16_its_matrices_are_too() -> None:
    network, exact = network_with(WITH_CONTEXT, torch.bfloat16), network_with(WITH_CONTEXT)
    assert network.context is not None
    assert network.context.joins[0].weight.dtype == torch.bfloat16
    assert network.context.decoder.rows.dtype == torch.float32
    found, expected = (each.predict_disparity(picture(4)) for each in (network, exact))
    assert (found - expected).abs().median() < 0.03 * expected.median()
