"""The compiled loops against the same math in torch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sharp_cli.gaussians import cpu
from sharp_cli.gaussians.covariance import covariances, decompose, decompose_by_torch, rotation_from_quats
from sharp_cli.gaussians.transform import transform

seeds = st.integers(0, 2**32 - 1)

TOLERANCE = 1.5e-5
"""Relative to the largest variance. About 100 roundings to float32 of 6e-8 each, all in one direction, make 6e-6 in a
length and twice that in its square; the worst that random searches found is 5.4e-6."""


def random_shapes(count: int, seed: int, spread: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scales = torch.exp(spread * torch.rand(count, 3, generator=generator) - spread)
    return torch.randn(count, 3, generator=generator), scales, torch.randn(count, 4, generator=generator)


def difference(found: tuple[torch.Tensor, torch.Tensor], expected: tuple[torch.Tensor, torch.Tensor]) -> float:
    """The largest difference between two sets of covariances, relative to the Gaussian's largest variance."""
    a, b = (covariances(scales.double(), quats.double()) for scales, quats in (found, expected))
    return float(((a - b).abs().amax(dim=(1, 2)) / expected[0][:, 0].double().square()).max())


@settings(max_examples=30)
@given(seeds, st.floats(0, 12), st.floats(-15, 15))
def test_decompositions_agree(seed: int, spread: float, exponent: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    _, scales, quats = random_shapes(500, seed, spread)
    shear = torch.eye(3) + 0.3 * torch.randn(500, 3, 3, generator=generator)
    factor = shear @ (rotation_from_quats(quats) * scales[:, None]) * 10.0**exponent
    found, expected = cpu.decompose(factor), decompose_by_torch(factor.double())
    assert difference(found, expected) < TOLERANCE
    assert ((found[0] - expected[0]).abs() <= TOLERANCE * expected[0][:, :1]).all()
    assert (found[1].norm(dim=1) - 1).abs().max() < 1e-6


@settings(max_examples=30)
@given(seeds, st.floats(0, 8), st.floats(0.05, 5), st.floats(0.05, 5))
@example(seed=45, spread=8.0, x=0.0625, y=3.0)
def test_transforms_agree(seed: int, spread: float, x: float, y: float) -> None:
    shapes, matrix = random_shapes(500, seed, spread), torch.diag(torch.tensor([x, y, 1.0]))
    means, *found = cpu.transform(*shapes, matrix)
    exact, *expected = transform(*(values.double() for values in shapes), matrix.double())
    torch.testing.assert_close(means.double(), exact, rtol=1e-6, atol=1e-6)
    # A rotation's entries are exact to 2⁻²⁴. If the matrix shrinks the longest axis and stretches another one, this
    # error grows by their ratio against the result, and doubles in the square.
    stretch = max(x, y, 1) / min(x, y, 1)
    assert difference((found[0], found[1]), (expected[0], expected[1])) < 2e-6 + 2 * 2**-23 * stretch


@pytest.mark.parametrize("short", [1e-3, 1e-9, 1e-12, 1e-18, 1e-30, 0.0])
def test_columns_too_short_for_their_squares(short: float) -> None:
    """The rotations would compute 0 / 0 from fourth powers of such lengths."""
    slanted = torch.tensor([[1.0, 0.3, -0.2], [0.5, 1.0, 0.4], [0.2, -0.6, 1.0]])
    lengths = torch.tensor([[1.0, 1.0, short], [short, 1.0, short], [short, 2 * short, 1.0], [short] * 3])
    scales, quats = cpu.decompose(slanted * lengths[:, None])
    exact = torch.linalg.svdvals((slanted * lengths[:, None]).double())
    torch.testing.assert_close(scales[:, 0].double(), exact[:, 0], rtol=1e-6, atol=0)
    assert (scales <= exact * 1.01 + 1e-6 * exact[:, :1]).all()
    assert (quats.norm(dim=1) - 1).abs().max() < 1e-6


def test_zero_quaternions_stay_zero() -> None:
    """Their Gaussians are not rendered, before a map or after it."""
    shapes = torch.ones(2, 3), torch.ones(2, 3), torch.tensor([[0.0, 0, 0, 0], [1, 0, 0, 0]])
    for moved in (
        cpu.transform(*shapes, torch.eye(3)),
        transform(*(v.double() for v in shapes), torch.eye(3).double()),
    ):
        assert moved[2].abs().tolist() == [[0, 0, 0, 0], [1, 0, 0, 0]]
        assert moved[1].isfinite().all()


def test_views_and_chunks() -> None:
    """Values that are not contiguous, and more of them than fit into one chunk."""
    means, scales, quats = random_shapes(2 * cpu.CHUNK + 77, 1, 3.0)
    columns = torch.cat([means, scales, quats], dim=1)
    matrix = torch.tensor([[0.5, 0.1, 0.0], [0.0, 0.3, -0.2], [0.1, 0.0, 1.0]])
    whole = cpu.transform(columns[:, :3], columns[:, 3:6].T.contiguous().T, columns[:, 6:], matrix)
    for values, last in zip(whole, cpu.transform(means[-50:], scales[-50:], quats[-50:], matrix), strict=True):
        torch.testing.assert_close(values[-50:], last)


def test_nothing_gives_nothing() -> None:
    shapes = cpu.transform(torch.empty(0, 3), torch.empty(0, 3), torch.empty(0, 4), torch.eye(3))
    assert [tuple(values.shape) for values in shapes] == [(0, 3), (0, 3), (0, 4)]


def test_gradients_and_other_types_go_through_torch() -> None:
    means, scales, quats = random_shapes(20, 2, 1.0)
    moved = transform(means, scales.requires_grad_(), quats, torch.eye(3))
    (gradient,) = torch.autograd.grad(moved.scales.sum(), scales)
    torch.testing.assert_close(gradient, torch.ones(20, 3), rtol=1e-3, atol=1e-3)
    factor = torch.eye(3, dtype=torch.float64)[None] * 0.1
    assert decompose(factor)[0].dtype == torch.float64
