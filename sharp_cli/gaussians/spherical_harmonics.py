"""Colors that depend on the viewing direction."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.gaussians.color import linear_to_srgb, srgb_to_linear
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.sh import sh_degree

CHUNK = 1 << 16
"""Gaussians at a time: the basis of all of them would be a third as large as their coefficients."""


def view_colors(gaussians: Gaussians, eye: Tensor, encoded: bool = False) -> Tensor:
    """The color of each Gaussian seen from one point.

    The harmonics are added to the sRGB-encoded color, and the sum is clamped to 0 from below, as in gsplat and the
    original 3D Gaussian Splatting. Differentiable.

    Args:
        eye: (3,) a position in the space of the means.
        encoded: whether to return sRGB-encoded colors.

    Returns:
        (N, 3) linear RGB or sRGB, ≥ 0 and possibly above 1. In linear RGB without harmonics: ``gaussians.colors``.
    """
    if gaussians.sh is None:
        return linear_to_srgb(gaussians.colors).clamp(min=0) if encoded else gaussians.colors
    degree = sh_degree(gaussians.sh)
    eye = eye.to(gaussians.means)
    parts = []
    values = (gaussians.means, gaussians.colors, gaussians.sh)
    for means, colors, sh in zip(*(v.split(CHUNK) for v in values), strict=True):
        basis = sh_basis(F.normalize(means - eye, dim=1), degree)
        part = (linear_to_srgb(colors) + (basis[:, None] @ sh)[:, 0]).clamp(min=0)
        parts.append(part if encoded else srgb_to_linear(part))
    return torch.cat(parts) if parts else gaussians.colors


def sh_basis(directions: Tensor, degree: int) -> Tensor:
    """Real spherical harmonics of degrees 1 to ``degree``, orthonormal on the sphere.

    Order and signs are those of 3D Gaussian Splatting: degree by degree, m from −n to n, with the factor (−1)^m;
    degree 1 is √(3 / 4π) · (−y, z, −x).

    Args:
        directions: (N, 3) unit vectors.

    Returns:
        (N, (degree + 1)² − 1).
    """
    x, y, z = directions.unbind(1)
    cosine, sine = torch.ones_like(x), torch.zeros_like(x)  # of m times the longitude, times sin(colatitude)^m
    columns: dict[tuple[int, int], Tensor] = {}
    for m in range(degree + 1):
        before = torch.zeros_like(z)
        legendre = torch.full_like(z, (-1) ** m * math.prod(range(1, 2 * m, 2)))  # P_mm without its sin^m
        for n in range(m, degree + 1):
            scale = math.sqrt((2 - (m == 0)) * (2 * n + 1) / (4 * math.pi) / math.perm(n + m, 2 * m))
            columns[n, m] = scale * legendre * cosine
            columns[n, -m] = scale * legendre * (sine if m else cosine)
            before, legendre = legendre, ((2 * n + 1) * z * legendre - (n + m) * before) / (n - m + 1)
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine
    return torch.stack([columns[n, m] for n in range(1, degree + 1) for m in range(-n, n + 1)], dim=1)
