"""Training steps on a fake CUDA device: fake tensors carry a device, a type and a shape, but no values.

A tensor on the wrong device, or two types in one operation, fail here as they would on a GPU, in the backward pass too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fake_devices import answer_without_values, go_back_by_hand
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from training_runs import SIZES, posed_folder, tiny_config

from sharp_cli.datasets.view_pair import PairBatch, ViewPair
from sharp_cli.model.checkpoint import empty_network
from sharp_cli.render.backends import cuda
from sharp_cli.training.config import PhotosConfig, TrainConfig
from sharp_cli.training.data import Samples, collate, training_samples
from sharp_cli.training.distributed import World
from sharp_cli.training.freezing import freeze
from sharp_cli.training.perceptual import FeatureNetwork
from sharp_cli.training.phases import build_phase, picture_side
from sharp_cli.training.schedule import build_optimizer
from sharp_cli.training.state import State
from sharp_cli.training.step import take_step
from sharp_cli.training.teacher.beside import PhotosBeside
from sharp_cli.training.teacher.sight import CELLS
from sharp_cli.training.validation import validate

CUDA = torch.device("cuda")


def put_on_cuda(module: nn.Module) -> nn.Module:
    """Give a module fake values, without moving its own."""
    fakes = {
        name: torch.zeros(tensor.shape, dtype=tensor.dtype, device=CUDA) for name, tensor in module.state_dict().items()
    }
    module.load_state_dict(fakes, assign=True)
    return module


def rasterization(**given: Any) -> tuple[Tensor, Tensor, None]:
    """gsplat's function as far as devices, types, shapes and the graph go."""
    tensors = [value for value in given.values() if torch.is_tensor(value)]
    assert {tensor.device.type for tensor in tensors} == {"cuda"} and {t.dtype for t in tensors} == {torch.float32}
    value = torch.stack([tensor.sum() for tensor in tensors]).sum()
    shape = (len(given["viewmats"]), given["height"], given["width"])
    return value.expand(*shape, 4), value.expand(*shape, 1), None


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes the phase, the state and a batch of a configuration on a fake CUDA device."""
    monkeypatch.setattr(cuda, "load_gsplat", lambda: SimpleNamespace(rasterization=rasterization))
    monkeypatch.setattr(cuda, "_drop_broken", lambda gaussians: gaussians)  # asks for values
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **options: True)
    folder = posed_folder(tmp_path / "views")
    modes: list[FakeTensorMode] = []

    def start(**changes: Any) -> tuple[Any, State, TrainConfig, Samples, ViewPair]:
        if changes["phase"] == "self":
            changes["data"] = {"kind": "photos"}
        config = tiny_config(folder, **changes)
        network = empty_network(SIZES)
        features = FeatureNetwork() if config.losses.weights.percep else None
        source = training_samples(config, picture_side(network, config))
        numbered = source[0]
        real = collate([numbered])
        mode = FakeTensorMode(allow_non_fake_inputs=True)
        modes.append(mode.__enter__())
        answer_without_values(monkeypatch)
        monkeypatch.setattr("sharp_cli.training.phases.load_features", lambda *_: put_on_cuda(features))
        put_on_cuda(network)
        batch = PairBatch(*(mode.from_tensor(tensor) for tensor in real.batch))
        freeze(network, config)
        network.backbone_dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
        trained = {name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad}
        state = State(network, build_optimizer(network, config.optimizer), trained, {})
        go_back_by_hand(monkeypatch)
        return build_phase(network, config, CUDA).train(), state, config, Samples(real.numbers, batch), numbered[1]

    yield start
    for mode in modes:
        mode.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("phase", "precision"),
    [("coarsest", "fp32"), ("coarse", "bf16"), ("depth", "fp32"), ("full", "bf16"), ("self", "bf16")],
)
def test_a_step_of_every_phase(fake, phase: str, precision: str) -> None:
    more = {"adjust_depth": True, "depth_in_full": 0.5, "losses": {"weights": {"percep": 3.0}}}
    module, state, config, samples, _ = fake(
        phase=phase, precision=precision, optimizer={"muon": 20.0}, **(more if phase == "full" else {})
    )
    if phase == "full":
        module.photos = photos_beside()
    step = take_step(module, state, iter([samples]), config, World(0, 1, CUDA), source=None)
    assert state.step == 1 and {"loss", "lr", "gradient"} < step.numbers.keys()
    assert ("photos_edges" in step.numbers) == (phase == "full")
    assert {picture.device.type for picture in step.pictures.values()} == {"cuda"}


def photos_beside() -> PhotosBeside:
    """Without reading files: what they hold is on the CPU."""
    photos = PhotosBeside.__new__(PhotosBeside)
    photos.config = PhotosConfig()
    photos.batch = lambda numbers, side: (torch.zeros(1, 3, side, side), torch.ones(1, CELLS, CELLS))
    return photos


@pytest.mark.parametrize("phase", ["depth", "full"])
def test_validation(fake, phase: str) -> None:
    module, state, config, _, pair = fake(phase=phase)
    numbers = validate(module, state, [pair], 1, config, World(0, 1, CUDA))
    assert numbers["loss"] == 1.0 and ("psnr_novel" in numbers) == (phase == "full")
