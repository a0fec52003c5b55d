"""The perceptual loss: its formula on features worked out by hand, and its graph-free form against the plain one."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sharp_cli.errors import SharpError
from sharp_cli.training import perceptual
from sharp_cli.training.perceptual import (
    FeatureNetwork,
    feature_distance,
    gram_matrix,
    load_features,
    perceptual_loss,
)


@pytest.fixture(scope="module")
def features() -> FeatureNetwork:
    return load_features("random")


@pytest.fixture(scope="module")
def views() -> tuple[torch.Tensor, torch.Tensor]:
    """(2, 3, 32, 32) target pictures with structure, and renders of them that are a little off."""
    draw = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 8, 8, generator=draw)
    target = nn.functional.interpolate(coarse, 32, mode="bilinear")
    return target, (target + 0.1 * torch.randn(target.shape, generator=draw)).clamp(0, 1)


def test_gram_and_distance_by_hand() -> None:
    found = torch.tensor([[1.0, 2.0], [0.0, 3.0]]).view(1, 2, 1, 2)
    wanted = torch.tensor([[1.0, 0.0], [1.0, 3.0]]).view(1, 2, 1, 2)
    # products of the channels over two positions: (1 + 4, 6; 6, 9) / 2 and (1, 1; 1, 1 + 9) / 2
    assert gram_matrix(found, "pixels")[0].tolist() == [[2.5, 3.0], [3.0, 4.5]]
    assert gram_matrix(wanted, "pixels")[0].tolist() == [[0.5, 0.5], [0.5, 5.0]]
    # features: (0, 2, −1, 0) → 5 / 4. Gram: 4 + 6.25 + 6.25 + 0.25 = 16.75, times 10 / 2².
    assert feature_distance([found], [wanted], "pixels").item() == pytest.approx(1.25 + 41.875)
    # Gram divided by the two channels as well: a quarter of its square
    assert feature_distance([found], [wanted], "all").item() == pytest.approx(1.25 + 10.46875)
    # Stages add up, and pictures are averaged.
    both = [torch.cat([found, wanted]), torch.cat([found, wanted])]
    assert feature_distance(both, [wanted.expand(2, 2, 1, 2)] * 2, "pixels").item() == pytest.approx(43.125)


def test_the_four_stages_of_a_resnet_50(features: FeatureNetwork, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    with torch.no_grad():
        maps = features(views[0])
    assert [tuple(m.shape) for m in maps] == [(2, 256, 8, 8), (2, 512, 4, 4), (2, 1024, 2, 2), (2, 2048, 1, 1)]
    # Random features must neither vanish nor grow from stage to stage: the Gram term has their fourth power.
    assert all(0.1 < m.square().mean().sqrt() < 10 for m in maps)


def gradient_of(rendered: torch.Tensor, target: torch.Tensor, features: nn.Module, keep_graph: bool) -> torch.Tensor:
    """Of the loss after an operation on the leaf and times a factor, as in training."""
    leaf = rendered.clone().requires_grad_()
    loss = 3.0 * perceptual_loss(leaf.square(), target, features, keep_graph=keep_graph)
    return torch.autograd.grad(loss, leaf)[0]


def test_the_graph_free_form_equals_plain_backpropagation(
    features: FeatureNetwork, views: tuple[torch.Tensor, torch.Tensor]
) -> None:
    target, rendered = (view[:1] for view in views)
    plain, cached = (gradient_of(rendered, target, features, keep_graph) for keep_graph in (True, False))
    assert plain.abs().max() > 1e-3
    assert (cached - plain).abs().max() <= 1e-5 * plain.abs().max()


def test_views_one_by_one_equal_a_batch(features: FeatureNetwork, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    # In double precision: in fp32 a batch is rounded otherwise than its pictures, and where that carries an
    # activation over the ReLU's bend, gradients differ visibly, by either form alike.
    exact = copy.deepcopy(features).double()
    target, rendered = (view.double() for view in views)
    plain, cached = (gradient_of(rendered, target, exact, keep_graph) for keep_graph in (True, False))
    assert (cached - plain).abs().max() <= 1e-10 * plain.abs().max()
    losses = [perceptual_loss(rendered, target, exact, keep_graph=keep_graph).item() for keep_graph in (True, False)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-12)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    convs = nn.ModuleList([nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 5, 3, stride=2)]).double()

    class Small(nn.Module):
        def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
            first = torch.tanh(convs[0](image))
            return [first, torch.tanh(convs[1](first))]

    target, rendered = torch.rand(2, 2, 3, 9, 9, dtype=torch.float64)
    rendered.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: perceptual_loss(x, target, Small()), rendered)


def test_the_graph_free_form_keeps_no_activations(
    features: FeatureNetwork, views: tuple[torch.Tensor, torch.Tensor]
) -> None:
    target, rendered = views

    def saved_values(keep_graph: bool) -> int:
        kept: list[int] = []

        def count(tensor: torch.Tensor) -> torch.Tensor:
            kept.append(tensor.numel())
            return tensor

        leaf = rendered.clone().requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            loss = perceptual_loss(leaf, target, features, keep_graph=keep_graph)
        if not keep_graph:
            assert loss.grad_fn is not None
            assert [tuple(t.shape) for t in loss.grad_fn.saved_tensors] == [tuple(leaf.shape)]
            assert loss.grad_fn.next_functions[0][0].variable is leaf  # type: ignore[union-attr]
        return max(kept)

    assert saved_values(keep_graph=True) > rendered.numel()
    saved_values(keep_graph=False)


def test_a_picture_against_itself_costs_nothing(
    features: FeatureNetwork, views: tuple[torch.Tensor, torch.Tensor]
) -> None:
    target = views[0].clone().requires_grad_()
    loss = perceptual_loss(target, views[0], features)
    loss.backward()
    assert loss.item() == 0
    assert target.grad is not None
    assert not target.grad.any()


def test_without_a_gradient_to_give_none_is_worked_out(
    features: FeatureNetwork, views: tuple[torch.Tensor, torch.Tensor]
) -> None:
    target, rendered = views
    loss = perceptual_loss(rendered, target, features)
    assert not loss.requires_grad
    assert loss.item() == pytest.approx(perceptual_loss(rendered.clone().requires_grad_(), target, features).item())


def test_random_features_are_the_same_every_time_and_stay_frozen(features: FeatureNetwork) -> None:
    state = torch.get_rng_state()
    again = load_features("random")
    assert torch.equal(torch.get_rng_state(), state)
    nn.ModuleList([again]).train()
    assert not any(module.training for module in again.modules())
    assert not any(parameter.requires_grad for parameter in again.parameters())
    for a, b in zip(features.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(features.buffers(), again.buffers(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", ["resnet.safetensors", "resnet.pth"])
def test_weights_from_a_file(features: FeatureNetwork, tmp_path: Path, name: str) -> None:
    tensors = {key: tensor.contiguous() for key, tensor in features.stages.state_dict().items()}
    tensors = {key: tensor for key, tensor in tensors.items() if not key.endswith("num_batches_tracked")}
    save = torch.save if name.endswith("pth") else save_file
    save({**tensors, "fc.weight": torch.zeros(10, 2048)}, tmp_path / name)
    loaded = load_features(str(tmp_path / name)).stages.state_dict()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in tensors.items())


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match="cannot read"):
        load_features(str(tmp_path / "missing.safetensors"))
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "part.safetensors")
    with pytest.raises(SharpError, match=r"not a ResNet-50.*bn1\.weight"):
        load_features(str(tmp_path / "part.safetensors"))
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(SharpError, match="tensors by name"):
        load_features(str(tmp_path / "list.pth"))


def test_a_failed_download_of_pretrained_weights_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import httpx
    import huggingface_hub.constants

    def unplugged(*_: object, **__: object) -> None:
        raise httpx.ConnectError("no network here")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(perceptual, "HUB_REPO", "nobody/no-such-network")
    monkeypatch.setattr(httpx, "head", unplugged)
    with pytest.raises(SharpError, match=r"no network here.*perceptual_weights.*'random'"):
        load_features("pretrained")
