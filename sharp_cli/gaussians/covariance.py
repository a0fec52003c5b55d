"""Rotations, covariances and their decomposition, on any device and without a library's SVD.

The math works on (3, N) tensors of vectors, with few and elementwise operations: they run at memory speed on every
device, while a batched 3 × 3 eigensolver or product takes microseconds per matrix. :mod:`cpu` and
:mod:`cpu_covariance` have the same math as compiled loops, which take CPUs less than a tenth of the time.
"""

from __future__ import annotations

import torch
from torch import Tensor

MANY = 1 << 18
"""Gaussians that are worth the half second to import numba and load kernels; torch takes fewer in a tenth of that. The
count alone decides, so that a photo gives the same bits in any process."""

SWEEPS = 4
"""Jacobi sweeps; convergence is quadratic, and four reach float32 precision even for needles."""


def rotation_from_quats(quats: Tensor) -> Tensor:
    """Rotation matrices (N, 3, 3) of quaternions (N, 4), w first, of any length; NaN for a zero quaternion."""
    quats = quats / quats.detach().abs().amax(
        dim=1, keepdim=True
    )  # squares of very long or short ones would overflow or vanish
    w, x, y, z = (quats / quats.norm(dim=1, keepdim=True)).unbind(1)
    entries = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(entries, dim=1).view(-1, 3, 3)


def quats_from_rotation(rotation: Tensor) -> Tensor:
    """Unit quaternions (N, 4), w first, of proper rotation matrices (N, 3, 3); of either sign."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(1) for row in rotation.unbind(1))
    # Row i below is the quaternion times four times its own part i; dividing by the largest part is the most exact.
    w, x, y, z = 1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz
    wx, wy, wz, xy2, xz2, yz2 = zy - yz, xz - zx, yx - xy, xy + yx, xz + zx, yz + zy
    by_w_or_x = _select(w > x, (w, wx, wy, wz), (wx, x, xy2, xz2))
    by_y_or_z = _select(y > z, (wy, xy2, y, yz2), (wz, xz2, yz2, z))
    quat = _select(torch.maximum(w, x) > torch.maximum(y, z), by_w_or_x, by_y_or_z)
    a, b, c, d = quat
    scale = torch.rsqrt(a * a + b * b + c * c + d * d)
    return torch.stack([part * scale for part in quat], dim=1)


def covariances(scales: Tensor, quats: Tensor) -> Tensor:
    """Covariance matrices R S² Rᵀ of Gaussians; differentiable.

    A zero quaternion has no rotation. Its covariance is NaN, which no renderer draws, and its gradient is zero.

    Args:
        scales: (N, 3) standard deviations [m].
        quats: (N, 4) w, x, y, z, of any length.

    Returns:
        (N, 3, 3) [m²].
    """
    if _on_cpu_in_float32(scales, quats):
        from sharp_cli.gaussians import cpu_covariance

        return cpu_covariance.covariances(scales, quats)
    turned, safe = _with_rotation(quats)
    factor = rotation_from_quats(safe) * scales[:, None]
    return torch.where(turned[:, :, None], _product(factor, factor.mT), torch.nan)


def transform_shapes(scales: Tensor, quats: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Scales and quaternions of Gaussians after a linear map, on any device and differentiable.

    Args:
        scales, quats: (N, 3) and (N, 4).
        matrix: (3, 3) M.

    Returns:
        Those of the covariances M Σ Mᵀ, as :func:`decompose` gives them; zero quaternions stay zero.
    """
    turned, safe = _with_rotation(quats)
    new_scales, new_quats = decompose(_product(matrix, rotation_from_quats(safe) * scales[:, None]))
    return new_scales, torch.where(turned, new_quats, 0)


def decompose(factor: Tensor) -> tuple[Tensor, Tensor]:
    """Scales and rotations of Gaussians whose covariance is A Aᵀ.

    One-sided Jacobi: the columns of A are rotated against each other until they are orthogonal. Their lengths are
    then the scales and their directions the axes. The covariance itself is never formed: small scales would drown in
    it. The third axis is the cross product of the first two, so every result is a proper rotation. Degenerate
    Gaussians get any axes that fit.

    Args:
        factor: (N, 3, 3) matrices A, finite, of a dtype that torch computes in.

    Returns:
        Scales (N, 3), descending, ≥ 0, and unit quaternions (N, 4), w first.
    """
    if suits_kernels(factor):
        from sharp_cli.gaussians import cpu

        return cpu.decompose(factor)
    return decompose_by_torch(factor)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product of small matrices (…, 3, 3)."""
    return a @ b if a.device.type == "cpu" else product_by_sums(a, b)


def product_by_sums(a: Tensor, b: Tensor) -> Tensor:
    """The same for GPUs, which do not multiply a million small matrices well."""
    first, second, third = (a[..., :, k, None] * b[..., k, None, :] for k in range(3))
    return first + second + third


def suits_kernels(*values: Tensor) -> bool:
    """Whether kernels without a gradient should take these: many, float32 on the CPU, and no gradient is needed."""
    wanted = torch.is_grad_enabled() and any(v.requires_grad for v in values)
    return not wanted and len(values[0]) >= MANY and _on_cpu_in_float32(*values)


def _on_cpu_in_float32(*values: Tensor) -> bool:
    return all(v.device.type == "cpu" and v.dtype == torch.float32 for v in values)


def _with_rotation(quats: Tensor) -> tuple[Tensor, Tensor]:
    """Which quaternions (N, 4) are not zero (N, 1), and the quaternions with the identity in place of zero ones."""
    turned = quats.detach().any(dim=1, keepdim=True)
    return turned, torch.where(turned, quats, quats.new_tensor([1.0, 0.0, 0.0, 0.0]))


def decompose_by_torch(factor: Tensor) -> tuple[Tensor, Tensor]:
    """:func:`decompose` on any device, and differentiable."""
    tiny = torch.finfo(factor.dtype).tiny
    size = factor.abs().amax(dim=(1, 2)).clamp(min=tiny)
    columns = list((factor.permute(2, 1, 0).contiguous() / size).unbind(0))  # (3, N) each
    for _ in range(SWEEPS):
        for p, q in ((0, 1), (0, 2), (1, 2)):
            columns[p], columns[q] = _rotate(columns[p], columns[q], tiny)
    lengths = torch.stack([_dot(column, column) for column in columns], dim=1).sqrt()

    first = _unit(columns[0], fallback=factor.new_tensor([1.0, 0.0, 0.0])[:, None])
    second = _unit(columns[1] - _dot(first, columns[1]) * first, fallback=_perpendicular(first))
    axes = torch.stack([first, second, _cross(first, second)], dim=1)  # row, axis, Gaussian
    return lengths * size[:, None], quats_from_rotation(axes.permute(2, 0, 1))


def _rotate(a: Tensor, b: Tensor, tiny: float) -> tuple[Tensor, Tensor]:
    """Rotate two columns in their plane until they are orthogonal and the first is the longer one."""
    difference, double = _dot(a, a) - _dot(b, b), 2.0 * _dot(a, b)
    reach = torch.hypot(difference, double) + tiny
    large = torch.sqrt(0.5 + 0.5 * (difference.abs() + tiny) / reach)
    small = 0.5 * double / (reach * large)
    (cosine, sine) = _select(difference >= 0, (large, small), (small.abs(), large.copysign(double)))
    return torch.addcmul(cosine * a, sine, b), torch.addcmul(cosine * b, sine, a, value=-1)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """(3, N) and (3, N) → (N,); a sum along three rows would take CPUs twice the time."""
    return torch.addcmul(torch.addcmul(a[0] * b[0], a[1], b[1]), a[2], b[2])


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _select(condition: Tensor, yes: tuple[Tensor, ...], no: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(torch.where(condition, a, b) for a, b in zip(yes, no, strict=True))


def _unit(vector: Tensor, fallback: Tensor) -> Tensor:
    """The vector at length 1, or the fallback if it is too short to have a direction."""
    length = _dot(vector, vector).sqrt()
    return torch.where(length > 1e-6, vector / length, fallback)


def _perpendicular(unit: Tensor) -> Tensor:
    """Any unit vector at right angles to a unit vector."""
    x, y, z = unit
    zero = torch.zeros_like(x)
    other = torch.where(x.abs() < 0.7, torch.stack([zero, z, -y]), torch.stack([-z, zero, x]))
    return other / _dot(other, other).sqrt()
