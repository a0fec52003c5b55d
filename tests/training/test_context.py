"""A convolutional network that is taught by labels and put beside a network's ViTs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from measured import write_measured

from sharp_cli.errors import SharpError
from sharp_cli.training.config import PhotosConfig, TrainConfig
from sharp_cli.training.initial import start_network
from sharp_cli.training.recipes import run_recipe
from sharp_cli.training.teacher.beside import pooled
from sharp_cli.training.teacher.config import ContextConfig, DrawnConfig, MeasuredConfig, SightConfig
from sharp_cli.training.teacher.context import context_lesson
from sharp_cli.training.teacher.labels import Labels, write_labels
from sharp_cli.training.teacher.lesson import teach
from sharp_cli.training.teacher.sight import choose_values, predict
from sharp_cli.weights.read import read_weights

SMALL = {"convnet_dims": (8, 8, 16, 16), "context_dims": (8, 8, 8)}


@pytest.fixture
def config(tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContextConfig:
    monkeypatch.setattr("sharp_cli.training.teacher.material.VALIDATION", range(1))
    labels = Labels(
        torch.randint(0, 255, (4, 3, 64, 64), dtype=torch.uint8), torch.zeros(4, 32, 32), torch.zeros(4, 5, 4, 4),
        torch.arange(4),
    )  # fmt: skip
    write_labels(tmp_path / "labels.safetensors", labels, {})
    write_measured(tmp_path / "measured", {f"room-{i}": "train" for i in range(6)})
    return ContextConfig(
        init=str(tiny_weights), labels=str(tmp_path / "labels.safetensors"),
        drawn=DrawnConfig(pairs=1, side=64, folder=str(tmp_path / "drawn"), workers=0),
        measured=MeasuredConfig(str(tmp_path / "measured")), steps=2, batch=2, synthetic_batch=1, measured_batch=1,
        warmup=1, **SMALL,
    )  # fmt: skip


def run(config: ContextConfig, folder: Path) -> Path:
    reported: list[str] = []
    result = run_recipe(config, folder, reported.append)
    assert result and reported
    return result


def test_a_taught_context_changes_nothing_until_it_is_joined(
    config: ContextConfig, tiny_weights: Path, tmp_path: Path
) -> None:
    file = run(config, tmp_path / "context")
    weights = read_weights(file)
    assert weights.config.convnet_dims == SMALL["convnet_dims"]
    assert weights.record["training"][-1]["config"]["recipe"] == "context"
    (network, _), (before, _) = (start_network(TrainConfig(init=str(path))) for path in (file, tiny_weights))
    picture = torch.rand(1, 3, network.config.resolution, network.config.resolution)
    with torch.no_grad():
        found, expected = (each.predict_disparity(picture) for each in (network, before))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    with pytest.raises(SharpError, match="has a convolutional network already"):
        run(replace(config, init=str(file)), tmp_path / "again")


def test_a_stopped_run_goes_on_as_if_it_had_not_been(config: ContextConfig, tmp_path: Path) -> None:
    four = replace(config, steps=4)
    whole = read_weights(run(four, tmp_path / "whole"))
    after_two = iter([False, True])
    begin = partial(context_lesson, four)
    assert not teach(four, begin, tmp_path / "parts", lambda line: None, lambda: next(after_two))
    assert teach(four, begin, tmp_path / "parts", lambda line: None)
    again = read_weights(tmp_path / "parts" / "weights.safetensors")
    for name, tensor in whole.tensors.items():
        assert torch.equal(tensor, again.tensors[name]), name


@pytest.mark.parametrize("side", [1, 2, 4])
def test_sight_trains_the_context_that_its_pictures_run_through(
    config: ContextConfig, tmp_path: Path, side: int
) -> None:
    network, _ = start_network(TrainConfig(init=str(run(config, tmp_path / "context"))))
    choose_values(network.train(), SightConfig(side=side))  # type: ignore[arg-type]
    predict(network, torch.rand(1, 3, 128 * side, 128 * side)).mean().backward()
    for name, value in network.named_parameters():
        assert (value.grad is not None) == value.requires_grad, name
    assert network.context is not None
    assert network.context.joins[2].weight.requires_grad


def test_cells_hold_the_mean_of_what_is_known() -> None:
    disparity = torch.tensor([[1.0, 3.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [4.0, 4.0, 5.0, 0.0], [4.0, 4.0, 0.0, 0.0]])
    assert torch.allclose(pooled(disparity[None], 2), torch.tensor([[[2.0, 0.0], [4.0, 5.0]]]))
    assert torch.equal(pooled(disparity[None], 8), disparity[None])


@pytest.mark.parametrize("cells", [4, 100])
def test_cells_too_few_or_odd_are_refused(cells: int) -> None:
    with pytest.raises(SharpError, match=r"sight\.cells"):
        TrainConfig(sight=PhotosConfig(cells=cells))


def test_presets_go_on_from_weights_with_a_context(config: ContextConfig, tmp_path: Path) -> None:
    file = run(config, tmp_path / "context")
    sizes = read_weights(file).config
    plain = replace(sizes, convnet_dims=(), context_dims=())
    network, _ = start_network(TrainConfig(init=str(file), network=plain))
    assert network.config == sizes
    with pytest.raises(SharpError, match="sizes differ"):
        start_network(TrainConfig(init=str(file), network=replace(sizes, context_dims=(16, 8, 8))))


def test_without_labels_it_learns_from_synthetic_pictures(config: ContextConfig, tmp_path: Path) -> None:
    file = run(replace(config, labels="", measured=MeasuredConfig()), tmp_path / "alone")
    assert read_weights(file).record["training"][-1]["samples"] == 2


def test_settings_without_sizes_are_refused() -> None:
    with pytest.raises(SharpError, match="convnet_dims"):
        ContextConfig(convnet_dims=())
