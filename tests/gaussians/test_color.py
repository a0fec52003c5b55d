from __future__ import annotations

from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from sharp_cli.gaussians.color import linear_to_srgb, srgb_to_linear


def test_pairs_of_the_published_tool(data: Path) -> None:
    pairs = load_file(data / "golden" / "color.safetensors")
    assert (srgb_to_linear(pairs["srgb"]) - pairs["linear"]).abs().max() <= 1e-6
    assert (linear_to_srgb(pairs["linear"]) - pairs["srgb_back"]).abs().max() <= 1e-6


@given(st.floats(-2, 4))
def test_the_curves_are_inverse_beyond_the_unit_interval_too(value: float) -> None:
    srgb = torch.tensor(value, dtype=torch.float64)
    assert (linear_to_srgb(srgb_to_linear(srgb)) - srgb).abs() < 1e-5


def test_gradients_are_finite_everywhere() -> None:
    values = torch.tensor([-1.0, 0.0, 0.002, 0.0031308, 0.04045, 0.5, 1.0, 2.0], requires_grad=True)
    (srgb_to_linear(values).sum() + linear_to_srgb(values).sum()).backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()
