"""Precisions and low memory: faithful to fp32, and every tensor where it belongs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sharp_cli.errors import SharpError
from sharp_cli.model import precision as module
from sharp_cli.model.checkpoint import empty_network
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.low_memory import enable_low_memory, visit_for_calls
from sharp_cli.model.network import SharpNetwork
from sharp_cli.model.precision import choose_dtype, place_tensors
from sharp_cli.model.random_weights import SMALL, random_tensors

CPU = torch.device("cpu")
TINY = SharpConfig(**{**SMALL.to_dict(), "image_size": 128})  # 512 px inside: a second instead of three


def network(dtype: torch.dtype, tensors: dict[str, torch.Tensor] | None = None) -> SharpNetwork:
    filled = empty_network(TINY)
    place_tensors(filled, tensors or random_tensors(TINY), dtype, CPU)
    return filled.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def picture() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    coarse = torch.rand(1, 3, 16, 16, generator=generator)
    return nn.functional.interpolate(coarse, size=512, mode="bicubic").clamp(0, 1), torch.tensor([0.8])


def test_auto_is_bf16_only_where_the_cpu_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_dtype("auto", torch.device("mps")) == torch.float32
    for native, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(module, "has_native_bf16", lambda device, native=native: native)
        assert choose_dtype("auto", CPU) == expected
    assert choose_dtype("fp16", CPU) == torch.float16
    with pytest.raises(SharpError, match="fp8"):
        choose_dtype("fp8", CPU)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision_stays_faithful(dtype: torch.dtype, picture: tuple[torch.Tensor, torch.Tensor]) -> None:
    exact, found = network(torch.float32)(*picture), network(dtype)(*picture)
    assert all(values.dtype == torch.float32 for values in found)
    depth_error = (found.means[..., 2] / exact.means[..., 2] - 1).abs()
    assert depth_error.median() < 0.01
    assert (found.opacities - exact.opacities).abs().mean() < 0.02


def test_heads_and_norms_stay_fp32() -> None:
    low = network(torch.bfloat16)
    heads = (low.depth_head, low.prediction_heads, low.depth_adjustment)
    assert all(p.dtype == torch.float32 for head in heads for p in head.parameters())
    norms = [m for m in low.modules() if isinstance(m, nn.LayerNorm | nn.GroupNorm)]
    assert all(p.dtype == torch.float32 for norm in norms for p in norm.parameters())
    assert low.encoder.patch_encoder.blocks[0].mlp.fc1.weight.dtype == torch.bfloat16
    assert low.depth_decoder.fusions[0].out_conv.bias.dtype == torch.bfloat16


def test_fitting_tensors_are_not_copied_and_others_leave_nothing_behind() -> None:
    tensors = random_tensors(TINY)
    stored = {tensor.data_ptr() for tensor in tensors.values()}
    assert {p.data_ptr() for p in network(torch.float32, tensors).parameters()} <= stored
    assert not {p.data_ptr() for p in network(torch.bfloat16, tensors).parameters()} & stored


def test_batches_equal_single_photos(picture: tuple[torch.Tensor, torch.Tensor]) -> None:
    image, factor = picture
    net = network(torch.float32)
    second, second_factor = image.flip(3) * 0.5, factor * 1.7
    both = net(torch.cat([image, second]), torch.cat([factor, second_factor]))
    for index, alone in enumerate((net(image, factor), net(second, second_factor))):
        for values, expected in zip(both, alone, strict=True):
            torch.testing.assert_close(values[index], expected[0], rtol=1e-3, atol=1e-4)


def test_low_memory_gives_the_same_gaussians(picture: tuple[torch.Tensor, torch.Tensor]) -> None:
    net = network(torch.float32)
    expected = net(*picture)
    enable_low_memory(net, CPU)
    assert net.encoder.patch_encoder.chunk
    for values, exact in zip(net(*picture), expected, strict=True):
        torch.testing.assert_close(values, exact, rtol=1e-3, atol=1e-5)


def test_a_part_is_on_the_device_during_its_calls_only() -> None:
    part = nn.Linear(3, 4)
    weight = part.weight
    seen: list[str] = []
    part.register_forward_hook(
        lambda module, _inputs, output: seen.extend([module.weight.device.type, output.device.type])
    )
    visit_for_calls(part, torch.device("meta"))
    part(torch.empty(2, 3, device="meta"))
    assert seen == ["meta", "meta"]
    assert part.weight is weight
    with pytest.raises(RuntimeError):
        part(torch.empty(2, 5, device="meta"))
    assert part.weight.device.type == "cpu"


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="512"):
        network(torch.float32)(torch.zeros(1, 3, 64, 64), torch.ones(1))
