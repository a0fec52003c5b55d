"""Names, shapes and what is said when they do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sharp_cli.errors import SharpError
from sharp_cli.model.checkpoint import (
    UNUSED,
    check_tensors,
    checkpoint_name,
    empty_network,
    expected_shapes,
    network_name,
    used_names,
)
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.random_weights import SMALL


def released(data: Path) -> dict[str, list[int]]:
    return json.loads((data / "released_tensors.json").read_text())


def test_the_default_network_has_exactly_the_released_tensors(data: Path) -> None:
    stored = {name: shape for name, shape in released(data).items() if not name.startswith(UNUSED)}
    assert {name: list(shape) for name, shape in expected_shapes(SharpConfig()).items()} == stored


def test_every_released_name_translates_and_back(data: Path) -> None:
    for name in used_names(released(data)):
        assert network_name(name) != name
        assert checkpoint_name(network_name(name)) == name


def test_classifier_heads_are_optional(data: Path) -> None:
    shapes = released(data)
    check_tensors(SharpConfig(), shapes, "with heads")
    check_tensors(SharpConfig(), {name: shapes[name] for name in used_names(shapes)}, "without heads")


def test_one_error_names_all_that_is_wrong() -> None:
    shapes = {name: list(shape) for name, shape in expected_shapes(SMALL).items()}
    missing = "prediction_head.geometry_prediction_head.bias"
    misshapen = "feature_model.fusion.out_conv.weight"
    del shapes[missing]
    shapes[misshapen] = [1, 2]
    shapes["stranger"] = [3]
    with pytest.raises(SharpError) as caught:
        check_tensors(SMALL, shapes, "my.safetensors")
    message = str(caught.value)
    assert all(word in message for word in ("my.safetensors", missing, misshapen, "[1, 2]", "stranger"))


def test_an_empty_network_takes_no_memory() -> None:
    network = empty_network(SharpConfig())
    assert all(parameter.device.type == "meta" for parameter in network.parameters())
    assert not list(network.buffers())
    assert sum(p.numel() for p in network.parameters()) == 702_305_169 - 2 * (21_841 * 1024 + 21_841)


def test_shapes_follow_the_config() -> None:
    shapes = expected_shapes(SMALL)
    assert shapes["monodepth_model.monodepth_predictor.encoder.upsample_latent0.1.weight"] == torch.Size([16, 16, 2, 2])
    assert "feature_model.decoder.convs.0.weight" not in shapes  # widths are equal: the map passes unchanged
