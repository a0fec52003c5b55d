"""The predictor's CUDA path on a machine without CUDA: fake tensors carry a device, a type and a shape, but no values.

A tensor on the wrong device, or two types in one operation, fail here as they would on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_devices import FakeEvents
from torch._subclasses.fake_tensor import FakeTensorMode

from sharp_cli import predictor as module
from sharp_cli.model.checkpoint import empty_network
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.precision import Precision
from sharp_cli.model.random_weights import random_tensors
from sharp_cli.photo import as_photo
from sharp_cli.predictor import Predictor, predictor_from
from sharp_cli.weights.read import Weights

CONFIG = SharpConfig(128, 16, 16, 2, 2, (0, 1), (16,) * 5, 16, 16, 16, 8, (8,) * 4, (8,) * 3)  # with a convnet
PHOTO = as_photo(np.zeros((40, 60, 3), np.uint8))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Loads a predictor on a fake CUDA device; fake tensors stay in force until the test ends."""
    network = empty_network(CONFIG)  # timm reads values on the way, which fake tensors lack
    tensors = random_tensors(CONFIG)
    monkeypatch.setattr(module, "empty_network", lambda config: network)
    monkeypatch.setattr(module, "choose_device", torch.device)
    monkeypatch.setattr(module, "all_finite", lambda *values: True)
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **options: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    FakeEvents(monkeypatch)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:

        def start(precision: Precision = "auto", low_vram: bool = False) -> Predictor:
            fake = {name: mode.from_tensor(tensor) for name, tensor in tensors.items()}
            return predictor_from(Weights(CONFIG, {}, fake, Path("fake.pt")), "cuda", precision, low_vram)

        yield start


@pytest.mark.parametrize("low_vram", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "auto"])
def test_every_tensor_is_on_the_device_in_every_precision(load, precision: Precision, low_vram: bool) -> None:
    both = load(precision, low_vram).predict_batch([PHOTO, PHOTO])
    for gaussians in both:
        values = (gaussians.means, gaussians.scales, gaussians.quats, gaussians.opacities, gaussians.colors)
        assert {tensor.device.type for tensor in values} == {"cuda"}
        assert {tensor.dtype for tensor in values} == {torch.float32}
        assert len(gaussians) == CONFIG.num_gaussians


@pytest.mark.parametrize(("precision", "exact"), [("fp32", True), ("fp16", False), ("bf16", False)])
def test_only_fp32_goes_without_tf32(load, precision: Precision, exact: bool) -> None:
    def switches() -> tuple[object, ...]:
        return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32

    before, seen = switches(), []
    predictor = load(precision)
    predictor.network.depth_head.register_forward_hook(lambda *_: seen.append(switches()))
    predictor.predict_batch([PHOTO, PHOTO])  # a fake tensor of one number keeps its value, on a real device
    assert seen == [(False, False) if exact else before]
    assert switches() == before


def test_auto_is_fp16(load) -> None:
    predictor = load("auto")
    assert predictor.network.backbone_dtype == torch.float16
