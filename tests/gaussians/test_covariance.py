"""Rotations and decompositions: any matrix in, proper rotations and the same covariance out."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharp_cli.gaussians.covariance import covariances, decompose, quats_from_rotation, rotation_from_quats
from sharp_cli.gaussians.cpu import CHUNK
from sharp_cli.gaussians.transform import transform


def random_factors(count: int, seed: int, spread: float = 4.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    rotation = rotation_from_quats(torch.randn(count, 4, generator=generator))
    scales = torch.exp(spread * torch.rand(count, 1, 3, generator=generator) - spread)
    return torch.tensor([0.6, 0.4, 1.0])[:, None] * (rotation * scales)


def assert_same_covariance(factor: torch.Tensor, scales: torch.Tensor, quats: torch.Tensor) -> None:
    exact = factor.double() @ factor.double().transpose(1, 2)
    found = covariances(scales.double(), quats.double())
    trace = exact.diagonal(dim1=1, dim2=2).sum(1).clamp(min=1e-300)
    assert ((found - exact).abs().amax(dim=(1, 2)) / trace).max() < 1.5e-5  # see TOLERANCE in test_cpu.py


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0, 12), st.floats(-15, 15))
def test_decomposition_keeps_the_covariance(seed: int, spread: float, exponent: float) -> None:
    factor = random_factors(500, seed, spread) * 10.0**exponent
    scales, quats = decompose(factor)
    assert_same_covariance(factor, scales, quats)
    assert (scales.diff(dim=1) <= 0).all()
    assert (scales >= 0).all()
    exact = torch.linalg.svdvals(factor.double())
    assert ((scales - exact).abs() <= 1.5e-5 * exact[:, :1]).all()


def test_every_rotation_is_proper() -> None:
    _, quats = decompose(random_factors(CHUNK + 1000, 3))
    rotation = rotation_from_quats(quats.double())
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(len(quats), dtype=torch.float64))
    assert (quats.norm(dim=1) - 1).abs().max() < 1e-6


def test_degenerate_gaussians_stay_finite() -> None:
    needle = torch.diag(torch.tensor([1.0, 0.0, 0.0]))
    disc = torch.diag(torch.tensor([0.0, 2.0, 2.0]))
    ball = torch.eye(3) * 1e-3
    point = torch.zeros(3, 3)
    slanted = torch.tensor([[1.0, 1.0, 1.0]] * 3)
    small = torch.tensor([[1.0, 1e-7, 0.0], [0.0, 1e-7, 0.0], [0.0, 0.0, 1e-7]])
    factor = torch.stack([needle, disc, ball, point, slanted, small, needle * 1e-30, disc * 1e18])
    scales, quats = decompose(factor)
    assert scales.isfinite().all()
    assert (quats.norm(dim=1) - 1).abs().max() < 1e-6
    assert scales[3].tolist() == [0, 0, 0]
    assert_same_covariance(factor[:6], scales[:6], quats[:6])


def test_decomposing_nothing_gives_nothing() -> None:
    scales, quats = decompose(torch.empty(0, 3, 3))
    assert scales.shape == (0, 3)
    assert quats.shape == (0, 4)


@settings(max_examples=50)
@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4).filter(lambda q: math.hypot(*q) > 1e-3))
def test_quaternions_survive_a_round_trip(parts: list[float]) -> None:
    quat = torch.tensor([parts], dtype=torch.float64)
    rotation = rotation_from_quats(quat)
    torch.testing.assert_close(rotation @ rotation.transpose(1, 2), torch.eye(3, dtype=torch.float64)[None])
    back = quats_from_rotation(rotation)
    assert (back * quat).sum().abs() / quat.norm() == pytest.approx(1)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_half_turns_have_quaternions(axis: int) -> None:
    diagonal = [-1.0, -1.0, -1.0]
    diagonal[axis] = 1.0
    expected = torch.zeros(4)
    expected[1 + axis] = 1
    assert torch.equal(quats_from_rotation(torch.diag(torch.tensor(diagonal))[None])[0].abs(), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_zero_quaternion_has_no_covariance_and_no_gradient(dtype: torch.dtype) -> None:
    quats = torch.tensor([[0.0, 0, 0, 0], [1, 0, 0, 0]], dtype=dtype, requires_grad=True)
    scales = torch.ones(2, 3, dtype=dtype, requires_grad=True)
    covars = covariances(scales, quats)
    assert covars[0].isnan().all()
    assert covars[1].tolist() == torch.eye(3).tolist()
    torch.where(covars.isnan(), 0, covars).sum().backward()  # renderers leave out what is not finite
    assert quats.grad[0].tolist() == [0, 0, 0, 0]
    assert scales.grad.tolist() == [[0, 0, 0], [2, 2, 2]]


@pytest.mark.parametrize("length", [1e-30, 1e-12, 1e25])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_quaternions_of_any_length(length: float, dtype: torch.dtype) -> None:
    quats, scales = torch.tensor([[0.1, 0.7, -0.3, 0.2]], dtype=dtype), torch.tensor([[1.0, 2.0, 3.0]], dtype=dtype)
    torch.testing.assert_close(covariances(scales, quats * length), covariances(scales, quats), rtol=1e-5, atol=1e-5)


def test_compiled_covariances_are_those_of_torch() -> None:
    generator = torch.Generator().manual_seed(2)
    values = [torch.rand(100, 3, generator=generator), torch.randn(100, 4, generator=generator)]
    results = []
    for dtype in (torch.float32, torch.float64):
        scales, quats = (value.to(dtype).requires_grad_() for value in values)
        found = covariances(scales, quats)
        weights = torch.linspace(-1, 2, found.numel(), dtype=dtype).view_as(found)
        results.append([found, *torch.autograd.grad((weights * found).sum(), (scales, quats))])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-5)


def test_transform_maps_means_and_covariances() -> None:
    generator = torch.Generator().manual_seed(5)
    means, scales = torch.randn(200, 3, generator=generator), torch.rand(200, 3, generator=generator)
    quats = torch.randn(200, 4, generator=generator)
    matrix = torch.tensor([[0.5, 0.1, 0.0], [0.0, 0.3, -0.2], [0.1, 0.0, 1.0]])
    moved = transform(means, scales, quats, matrix)
    torch.testing.assert_close(moved.means, (matrix @ means[:, :, None])[:, :, 0])
    expected = matrix @ covariances(scales, quats) @ matrix.T
    torch.testing.assert_close(covariances(moved.scales, moved.quats), expected, rtol=1e-4, atol=1e-6)
