"""Our faster layers against torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from sharp_cli.model.blocks import GroupNorm
from sharp_cli.model.compose import inverse_softplus, scale_factor
from sharp_cli.model.random_weights import SMALL
from sharp_cli.model.vit import PointwiseLinear, VectorGELU, WindowAttention, build_vit


def norm_of_a_map(side: int) -> tuple[GroupNorm, Tensor, Tensor]:
    """A norm, a map of channels that differ by far, and the exact result."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 16, side, side, generator=generator) * torch.linspace(0.1, 3, 16)[:, None, None] + 2.0
    ours = GroupNorm(8, 16)
    nn.init.uniform_(ours.weight, generator=generator)
    return ours, x, nn.functional.group_norm(x.double(), 8, ours.weight.double(), ours.bias.double(), ours.eps)


def test_group_norm_is_exact_on_a_large_channels_last_map() -> None:
    ours, x, exact = norm_of_a_map(512)
    for layout in (torch.channels_last, torch.contiguous_format):
        assert (ours(x.contiguous(memory_format=layout)) - exact).abs().max() < 5e-6


def test_group_norm_by_torchs_variances_is_exact_too() -> None:
    ours, x, exact = norm_of_a_map(256)
    last = x.contiguous(memory_format=torch.channels_last)
    found = ours._by_channel(last, *ours._moments(last))
    assert (found - exact).abs().max() < 5e-6
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("gradients", [False, True])
def test_group_norm_on_cuda_neither_copies_nor_changes_the_layout(gradients: bool) -> None:
    called: list[str] = []

    class Calls(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            called.append(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    with FakeTensorMode(), torch.set_grad_enabled(gradients):
        with torch.device("cuda"):
            norm = GroupNorm(4, 8)
        x = torch.empty(2, 8, 32, 32, device="cuda").contiguous(memory_format=torch.channels_last)
        with Calls():
            found = norm(x)
    assert found.device.type == "cuda" and found.dtype == torch.float32
    if gradients:
        assert "native_group_norm" in called  # its backward pass is a kernel, too
    else:
        assert "var_mean" in called and not {"native_group_norm", "clone", "copy_"} & set(called)
        assert found.is_contiguous(memory_format=torch.channels_last)


def test_group_norm_has_torchs_gradients() -> None:
    x = torch.randn(1, 8, 96, 96).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(1, 8, 96, 96)
    ours = GroupNorm(4, 8)
    found = torch.autograd.grad((ours(x) * weight).sum(), [x, ours.weight, ours.bias])
    plain = nn.functional.group_norm(x.contiguous(), 4, ours.weight, ours.bias, ours.eps)
    expected = torch.autograd.grad((plain * weight).sum(), [x, ours.weight, ours.bias])
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_pointwise_linear_is_linear() -> None:
    ours = PointwiseLinear(12, 20)
    x = torch.randn(3, 7, 12, requires_grad=True)
    torch.testing.assert_close(ours(x), nn.functional.linear(x, ours.weight, ours.bias))
    ours(x).sum().backward()
    torch.testing.assert_close(x.grad, ours.weight.sum(0).expand(3, 7, 12))


def test_vector_gelu_is_the_exact_gelu() -> None:
    x = torch.linspace(-8, 8, 600_001)
    exact = nn.functional.gelu(x.double())
    assert (VectorGELU()(x) - exact).abs().max() < 2e-6
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(VectorGELU()(x).sum(), x)
    (expected,) = torch.autograd.grad(nn.functional.gelu(x).sum(), x)
    assert torch.equal(gradient, expected)


def test_bf16_attention_takes_windows_one_by_one_with_torchs_result() -> None:
    torch.manual_seed(0)
    attention = WindowAttention(64, num_heads=4, qkv_bias=True).eval()
    x = torch.randn(3, 37, 64)
    expected = attention(x)
    attention.to(torch.bfloat16)
    with torch.inference_mode():
        found = attention(x.bfloat16()).float()
    assert (found - expected).abs().max() < 0.02 * expected.abs().max()


def test_attention_trains_under_autocast_with_the_gradients_of_fp32() -> None:
    torch.manual_seed(0)
    attention = WindowAttention(64, num_heads=4, qkv_bias=True)
    x, toward = torch.randn(3, 37, 64, requires_grad=True), torch.randn(3, 37, 64)

    def gradients(dtype: torch.dtype) -> list[torch.Tensor]:
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            found = attention(x)
        return list(torch.autograd.grad((found.float() * toward).sum(), [x, *attention.parameters()]))

    for exact, rounded in zip(gradients(torch.float32), gradients(torch.bfloat16), strict=True):
        assert (rounded - exact).norm() < 0.02 * exact.norm() + 0.05


def test_a_vit_gives_the_same_maps_in_chunks() -> None:
    torch.manual_seed(0)
    vit = build_vit(SMALL).eval()
    windows = torch.randn(5, 3, 384, 384)
    with torch.inference_mode():
        whole = vit(windows, (0, 1), num_latent=3)
        vit.chunk = 2
        chunked = vit(windows, (0, 1), num_latent=3)
    assert [m.shape for m in whole] == [(5, 32, 24, 24), (3, 32, 24, 24), (3, 32, 24, 24)]
    for a, b in zip(whole, chunked, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("y", [0.0, 1e-7, 1e-6, 0.01, 1.0, 30.0, 1e4])
def test_inverse_softplus_inverts_and_stays_finite(y: float) -> None:
    x = inverse_softplus(torch.tensor(y))
    assert x.isfinite()
    assert nn.functional.softplus(x).item() == pytest.approx(max(y, 1e-6), rel=1e-4)


def test_scale_factor_starts_at_one_with_slope_one() -> None:
    d = torch.zeros((), dtype=torch.float64, requires_grad=True)
    factor = scale_factor(d)
    (slope,) = torch.autograd.grad(factor, d)
    assert factor.item() == pytest.approx(1)
    assert slope.item() == pytest.approx(1)
    assert scale_factor(torch.tensor([-1e3, 1e3])).tolist() == [0, 10]
