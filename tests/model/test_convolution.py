"""The 3 × 3 convolution by Winograd's filtering: what it computes, and what it leaves to torch's kernel."""

from __future__ import annotations

import numpy as np
import pytest
import test_golden as golden
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses import FakeTensorMode

from sharp_cli.model import convolution
from sharp_cli.model.convolution import Conv3x3, _has_nnpack

needs_nnpack = pytest.mark.skipif(not _has_nnpack(), reason="this processor or torch has no NNPACK")


def sample(dim_in: int, dim_out: int, shape: tuple[int, ...], bias: bool = True) -> tuple[Conv3x3, torch.Tensor]:
    """A frozen convolution and a map."""
    rng = np.random.default_rng(0)
    layer = Conv3x3(dim_in, dim_out, bias=bias).requires_grad_(False)
    for parameter in layer.parameters():
        parameter.copy_(torch.from_numpy(rng.normal(0, 0.1, parameter.shape)))
    return layer, torch.from_numpy(rng.normal(0, 1, shape)).float()


@needs_nnpack
@given(
    st.sampled_from([(64, 64), (128, 32), (70, 90)]),
    st.tuples(st.integers(1, 2), st.integers(1, 30) | st.integers(90, 200), st.integers(1, 30)),
    st.booleans(),
    st.booleans(),
)
def test_it_computes_what_torch_does(
    dims: tuple[int, int], size: tuple[int, int, int], bias: bool, channels_last: bool
) -> None:
    batch, height, width = size
    layer, x = sample(*dims, (batch, dims[0], height, width), bias)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    assert layer.is_faster(x)
    true = F.conv2d(x.double(), layer.weight.double(), None if layer.bias is None else layer.bias.double(), padding=1)
    torch.testing.assert_close(layer(x).double(), true, rtol=0, atol=5e-5 * float(true.abs().max()))


@needs_nnpack
def test_what_it_cannot_do_is_left_to_torch() -> None:
    layer, x = sample(64, 64, (1, 64, 9, 9))
    assert layer.is_faster(x)
    assert not layer.is_faster(x.bfloat16())
    assert not layer.is_faster(x.clone().requires_grad_())
    assert not layer.is_faster(x.to("meta"))
    assert not Conv3x3(64, 64).is_faster(x), "its weights want gradients"
    with torch.inference_mode():
        assert Conv3x3(64, 64).is_faster(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert not layer.is_faster(x) and layer(x).dtype == torch.bfloat16
    assert not layer.is_faster(x[0]) and layer(x[0]).shape == (64, 9, 9)
    assert not layer.is_faster(x[:0]) and len(layer(x[:0])) == 0
    with FakeTensorMode() as mode:
        assert not layer.is_faster(mode.from_tensor(x))
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), F.conv2d(x, layer.weight, layer.bias, padding=1))
    small, y = sample(32, 32, (1, 32, 9, 9))
    assert not small.is_faster(y)


def test_without_nnpack_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = sample(64, 64, (1, 64, 9, 9))
    monkeypatch.setattr(convolution, "_has_nnpack", lambda: False)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias, padding=1))


@needs_nnpack
def test_the_published_numbers_come_out_with_it_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The golden networks are too small for it; here it takes all of their convolutions."""
    _, plain = golden.run("network")
    monkeypatch.setattr(convolution, "LEAST_PRODUCT", 0)
    _, found = golden.run.__wrapped__("network")
    for name in ("disparity", "delta"):
        assert not torch.equal(found[name], plain[name]), "both were computed the same way"
        torch.testing.assert_close(found[name], plain[name], rtol=0, atol=2e-5 * float(plain[name].abs().max()))
