"""Random start values, and how finer parts start on top of coarser ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_runs import SIZES

from sharp_cli.model.checkpoint import empty_network
from sharp_cli.model.depth import depth_from_disparity
from sharp_cli.model.network import SharpNetwork
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.configfile import load_config
from sharp_cli.training.initial import draw_start, start_network


def test_coarse_maps_are_the_two_coarsest_of_all_maps():
    network = empty_network(SIZES)
    network.load_state_dict(draw_start(SIZES, 0), assign=True)
    side = SIZES.resolution
    half = torch.rand(1, 3, side // 2, side // 2, generator=torch.Generator().manual_seed(1))
    whole = torch.nn.functional.interpolate(half, scale_factor=2, mode="nearest")  # its half is the picture itself
    with torch.no_grad():
        found, expected = network.encoder.forward_coarse(half), network.encoder(whole)[3:]
        small = torch.nn.functional.interpolate(half, scale_factor=0.5, mode="bilinear")
        (coarsest,) = network.encoder.forward_coarse(small)
    # Only the smallest picture differs: the mean of four pixels there is the mean of other four here.
    assert [each.shape for each in found] == [each.shape for each in expected]
    torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(coarsest, found[1], rtol=1e-4, atol=1e-4)


def test_a_convolutional_network_starts_alive_and_in_small_steps() -> None:
    sizes = replace(SIZES, convnet_dims=(8, 16, 16, 24), context_dims=(8, 16, 16))
    network = empty_network(sizes)
    network.load_state_dict(draw_start(sizes, 0), assign=True)
    assert network.context is not None
    side = network.context.side
    picture = 2 * torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1)) - 1
    with torch.no_grad():
        seen = network.context.backbone(picture)
        maps = network.context.decoder(seen)
    assert all(0.1 < each.std() < 10 for each in (*seen, *maps)), [each.std().item() for each in (*seen, *maps)]
    last = network.get_parameter("context.backbone.stages.1.1.residual.4.weight")
    assert torch.all(last == 0.3), "residual branches start small"


@pytest.fixture(scope="module")
def untrained_preview() -> SharpNetwork:
    """The preview's network before any training."""
    sizes = load_config("preview").network
    assert sizes is not None
    network = empty_network(sizes)
    network.load_state_dict(draw_start(sizes, 0), assign=True)
    return network


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    return torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(1))


def test_random_start_values_keep_signals_alive(untrained_preview: SharpNetwork, noise: torch.Tensor) -> None:
    with torch.no_grad():
        maps = untrained_preview.encoder(2 * noise - 1)
        prediction = untrained_preview.predict(noise, torch.tensor([0.8]))
    assert all(0.1 < each.std() < 10 for each in maps), [each.std().item() for each in maps]
    disparity = 0.8 / prediction.depth
    assert (disparity > 1e-3).float().mean() > 0.95, "the last ReLU must not cut off much of the start"
    assert not prediction.delta.any(), "base Gaussians at first"


def test_finer_maps_change_little_of_what_coarser_ones_have_learned(
    untrained_preview: SharpNetwork, noise: torch.Tensor
) -> None:
    with torch.no_grad():
        maps = untrained_preview.encoder(2 * noise - 1)
        coarse, fine = untrained_preview.depth_decoder(maps[3:]), untrained_preview.depth_decoder(maps)
    change = fine - torch.nn.functional.interpolate(coarse, size=fine.shape[2:], mode="nearest")
    assert 0 < change.std() < 0.5 * fine.std(), (change.std(), fine.std())


def test_sunken_disparity_finds_its_way_back_in_training_only():
    head = empty_network(SIZES).depth_head.to_empty(device="cpu")
    for value in head.parameters():
        torch.nn.init.constant_(value, 0.01)
    torch.nn.init.constant_(head[4].bias, -1.0)
    features = torch.ones(1, SIZES.depth_decoder_dim, 4, 4)

    def gradient(sign: float) -> torch.Tensor:
        far = depth_from_disparity(head.train()(features), torch.ones(1)).log().sum()
        return torch.autograd.grad(sign * far, head[4].bias)[0]

    rising, sinking = gradient(1.0), gradient(-1.0)
    assert (rising < 0).all() and not sinking.any()
    assert not head.eval()(features).any()


def test_weights_start_in_windows_of_another_size(tiny_weights: Path) -> None:
    before, _ = start_network(TrainConfig(init=str(tiny_weights)))
    wide = replace(before.config, image_size=192)
    network, _ = start_network(TrainConfig(init=str(tiny_weights), network=wide))
    assert network.config == wide
    values = dict(network.named_parameters())
    for name, value in before.named_parameters():
        if not name.endswith("pos_embed"):
            assert torch.equal(values[name], value), name
            continue
        known, fitted = value[0, 1:].reshape(8, 8, -1), values[name][0, 1:].reshape(12, 12, -1)
        assert torch.equal(values[name][0, 0], value[0, 0]), "the class token has no place"
        expected = torch.nn.functional.interpolate(known.movedim(2, 0)[None], (12, 12), mode="bicubic", antialias=True)
        torch.testing.assert_close(fitted, expected[0].movedim(0, 2))
    assert network.predict_disparity(torch.zeros(1, 3, 768, 768)).shape == (1, 2, 768, 768)
