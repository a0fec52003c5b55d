"""Spherical harmonics against closed formulas, orthonormality on the sphere, and plain arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sharp_cli import Gaussians
from sharp_cli.gaussians import spherical_harmonics
from sharp_cli.gaussians.color import linear_to_srgb, srgb_to_linear
from sharp_cli.gaussians.sh import SH_C0, sh_degree
from sharp_cli.gaussians.spherical_harmonics import sh_basis, view_colors


def random_gaussians(count: int, coefficients: int, dtype: torch.dtype = torch.float64) -> Gaussians:
    draw = torch.Generator().manual_seed(count + coefficients)

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=draw, dtype=dtype)

    return Gaussians(
        means=rand(count, 3) * 4 - 2,
        scales=rand(count, 3),
        quats=rand(count, 4),
        opacities=rand(count),
        colors=rand(count, 3),
        sh=(rand(count, coefficients, 3) - 0.5) * 0.4,
    )


def published_formulas(direction: torch.Tensor) -> list[torch.Tensor]:
    """Degrees 1 to 3 as the papers on Gaussian splatting print them."""
    x, y, z = direction.unbind(1)
    return [
        -0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x,
        1.0925484305920792 * x * y, -1.0925484305920792 * y * z, 0.31539156525252005 * (2 * z * z - x * x - y * y),
        -1.0925484305920792 * x * z, 0.5462742152960396 * (x * x - y * y),
        -0.5900435899266435 * y * (3 * x * x - y * y), 2.890611442640554 * x * y * z,
        -0.4570457994644658 * y * (4 * z * z - x * x - y * y),
        0.3731763325901154 * z * (2 * z * z - 3 * x * x - 3 * y * y),
        -0.4570457994644658 * x * (4 * z * z - x * x - y * y), 1.445305721320277 * z * (x * x - y * y),
        -0.5900435899266435 * x * (x * x - 3 * y * y),
    ]  # fmt: skip


def test_degrees_up_to_three_are_the_published_formulas() -> None:
    draw = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(500, 3, generator=draw, dtype=torch.float64), dim=1)
    expected = torch.stack(published_formulas(directions), dim=1)
    for degree, count in ((1, 3), (2, 8), (3, 15)):
        torch.testing.assert_close(sh_basis(directions, degree), expected[:, :count], rtol=0, atol=1e-14)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 6])
def test_the_basis_is_orthonormal_on_the_sphere(degree: int) -> None:
    heights, weights = np.polynomial.legendre.leggauss(degree + 1)  # exact for products of two of this degree
    turns = 2 * math.pi * np.arange(2 * degree + 1) / (2 * degree + 1)
    z, angle = (torch.from_numpy(v.ravel().copy()) for v in np.meshgrid(heights, turns, indexing="ij"))
    radius = (1 - z * z).sqrt()
    directions = torch.stack([radius * angle.cos(), radius * angle.sin(), z], dim=1)
    basis = torch.cat([torch.full_like(z, SH_C0)[:, None], sh_basis(directions, degree)], dim=1)
    area = torch.from_numpy(weights).repeat_interleave(len(turns)) * 2 * math.pi / len(turns)
    products = basis.T @ (area[:, None] * basis)
    torch.testing.assert_close(products, torch.eye((degree + 1) ** 2, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("coefficients", [3, 8, 15])
def test_view_colors_are_the_encoded_sum(monkeypatch: pytest.MonkeyPatch, coefficients: int) -> None:
    monkeypatch.setattr(spherical_harmonics, "CHUNK", 7)
    gaussians, eye = random_gaussians(30, coefficients), torch.tensor([0.3, -0.2, -4.0])
    found, found_encoded = view_colors(gaussians, eye), view_colors(gaussians, eye, encoded=True)
    assert gaussians.sh is not None
    for i in range(len(gaussians)):
        away = gaussians.means[i] - eye.double()
        basis = published_formulas(away[None] / away.norm())
        encoded = linear_to_srgb(gaussians.colors[i]) + sum(basis[k] * gaussians.sh[i, k] for k in range(coefficients))
        torch.testing.assert_close(found[i], srgb_to_linear(encoded.clamp(min=0)), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(found_encoded[i], encoded.clamp(min=0), rtol=1e-10, atol=1e-10)


def test_colors_without_harmonics_are_unchanged_and_negative_sums_are_black() -> None:
    gaussians = random_gaussians(5, 3)
    plain = replace(gaussians, sh=None)
    assert view_colors(plain, torch.zeros(3)) is plain.colors
    torch.testing.assert_close(view_colors(plain, torch.zeros(3), encoded=True), linear_to_srgb(plain.colors))
    against_z = torch.tensor([[0.0], [-9], [0]]).expand(5, 3, 3)
    dark = replace(gaussians, means=torch.tensor([[0.0, 0, 1]] * 5), sh=against_z)
    assert (view_colors(dark, torch.zeros(3)) == 0).all()
    assert (view_colors(dark, torch.tensor([0.0, 0, 2])) > 1).all()


def test_an_eye_inside_a_gaussian_and_no_gaussians_at_all() -> None:
    gaussians = random_gaussians(4, 15)
    assert view_colors(gaussians, gaussians.means[0]).isfinite().all()
    empty = random_gaussians(0, 15)
    assert view_colors(empty, torch.zeros(3)).shape == (0, 3)


def test_gradients_reach_colors_and_coefficients() -> None:
    gaussians = random_gaussians(6, 8)
    gaussians.colors.requires_grad_()
    assert gaussians.sh is not None
    gaussians.sh.requires_grad_()
    view_colors(gaussians, torch.zeros(3)).sum().backward()
    for tensor in (gaussians.colors, gaussians.sh):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert tensor.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(2, 4, 3), (2, 3, 1), (2, 0, 3), (2, 9)])
def test_shapes_without_a_whole_degree_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        sh_degree(torch.zeros(shape))
    assert [sh_degree(torch.zeros(1, k, 3)) for k in (3, 8, 15, 24)] == [1, 2, 3, 4]
