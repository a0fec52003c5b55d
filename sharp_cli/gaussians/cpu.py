"""The math of :mod:`covariance` and :mod:`transform` for CPUs: compiled loops that take each Gaussian through all
steps at once. torch would take two hundred passes over memory.

The compiler vectorizes the loops, several Gaussians to a register. For that they use flat arrays, count from 0, have no
branches and no early exit, and all constants are float32.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sharp_cli.runtime.kernels import for_chunks, inlined, kernel

Floats = NDArray[np.float32]
"""Flat: the entries of a Gaussian follow one another, those of a matrix row by row."""
Number: TypeAlias = Any  # np.float32; mypy takes its operators too literally
Vector = tuple[Number, Number, Number]
Quaternion = tuple[Number, Number, Number, Number]

CHUNK = 1 << 13
"""Gaussians at a time: few enough that intermediate results stay in the processor's cache."""

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
TINY: Number = np.finfo(np.float32).tiny
CLEAR: Number = np.float32(1e-6)
"""Columns shorter than this, relative to the largest entry, have no reliable direction."""
FLAT: Number = np.float32(0.7)


def decompose(factor: Tensor) -> tuple[Tensor, Tensor]:
    """:func:`sharp_cli.gaussians.covariance.decompose` for float32 on the CPU; not differentiable."""
    scales, quats = factor.new_empty(len(factor), 3), factor.new_empty(len(factor), 4)
    for_chunks(_decompose, len(factor), CHUNK, _flat(factor), _flat(scales), _flat(quats))
    return scales, quats


def transform(means: Tensor, scales: Tensor, quats: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`sharp_cli.gaussians.transform.transform` for float32 on the CPU; not differentiable."""
    moved = means.new_empty(means.shape), means.new_empty(scales.shape), means.new_empty(quats.shape)
    for_chunks(_transform, len(means), CHUNK, *map(_flat, (means, scales, quats, matrix)), *map(_flat, moved))
    return moved


def _flat(values: Tensor) -> Floats:
    return values.detach().contiguous().view(-1).numpy()


@kernel
def _transform(
    start: int, stop: int, means: Floats, scales: Floats, quats: Floats, matrix: Floats,
    new_means: Floats, new_scales: Floats, new_quats: Floats,
) -> None:  # fmt: skip
    _map_points(means[3 * start : 3 * stop], matrix, new_means[3 * start : 3 * stop])
    factors = np.empty(9 * (stop - start), np.float32)
    _factors(scales[3 * start : 3 * stop], quats[4 * start : 4 * stop], matrix, factors)
    _decompose(0, stop - start, factors, new_scales[3 * start : 3 * stop], new_quats[4 * start : 4 * stop])
    _keep_zeros(quats[4 * start : 4 * stop], new_quats[4 * start : 4 * stop])


@kernel
def _keep_zeros(quats: Floats, new_quats: Floats) -> None:
    """Zero quaternions stay zero, so that their Gaussians are not rendered."""
    for i in range(len(quats) // 4):
        if quats[4 * i] == 0 and quats[4 * i + 1] == 0 and quats[4 * i + 2] == 0 and quats[4 * i + 3] == 0:
            new_quats[4 * i : 4 * i + 4] = ZERO


@kernel
def _map_points(points: Floats, m: Floats, mapped: Floats) -> None:
    for i in range(len(points) // 3):
        vector = _mapped(m, (points[3 * i], points[3 * i + 1], points[3 * i + 2]), ONE)
        mapped[3 * i], mapped[3 * i + 1], mapped[3 * i + 2] = vector


@kernel
def _factors(scales: Floats, quats: Floats, m: Floats, factors: Floats) -> None:
    """M R diag(s): each times its own transpose is a new covariance."""
    for i in range(len(scales) // 3):
        w, x, y, z = quats[4 * i], quats[4 * i + 1], quats[4 * i + 2], quats[4 * i + 3]
        length = math.sqrt(w * w + x * x + y * y + z * z)
        inverse = ONE / max(length, TINY)
        w, x, y, z = w * inverse if length > ZERO else ONE, x * inverse, y * inverse, z * inverse
        a = ONE - TWO * (y * y + z * z), TWO * (x * y + w * z), TWO * (x * z - w * y)
        b = TWO * (x * y - w * z), ONE - TWO * (x * x + z * z), TWO * (y * z + w * x)
        c = TWO * (x * z + w * y), TWO * (y * z - w * x), ONE - TWO * (x * x + y * y)
        factors[9 * i], factors[9 * i + 3], factors[9 * i + 6] = _mapped(m, a, scales[3 * i])
        factors[9 * i + 1], factors[9 * i + 4], factors[9 * i + 7] = _mapped(m, b, scales[3 * i + 1])
        factors[9 * i + 2], factors[9 * i + 5], factors[9 * i + 8] = _mapped(m, c, scales[3 * i + 2])


@kernel
def _decompose(start: int, stop: int, factors: Floats, scales: Floats, quats: Floats) -> None:
    f, s, q = factors[9 * start : 9 * stop], scales[3 * start : 3 * stop], quats[4 * start : 4 * stop]
    for i in range(stop - start):
        a = f[9 * i], f[9 * i + 3], f[9 * i + 6]
        b = f[9 * i + 1], f[9 * i + 4], f[9 * i + 7]
        c = f[9 * i + 2], f[9 * i + 5], f[9 * i + 8]
        size = max(max(_largest(a), TINY), max(_largest(b), _largest(c)))
        inverse = ONE / size
        a, b, c = _scaled(a, inverse), _scaled(b, inverse), _scaled(c, inverse)
        a, b, c = _sweep(
            *_sweep(*_sweep(*_sweep(a, b, c)))
        )  # written out: the compiler does not vectorize around an inner loop
        length = math.sqrt(_dot(a, a))
        s[3 * i] = length * size
        s[3 * i + 1] = math.sqrt(_dot(b, b)) * size
        s[3 * i + 2] = math.sqrt(_dot(c, c)) * size
        x = _scaled(a, ONE / length) if length > CLEAR else (ONE, ZERO, ZERO)
        y = _unit_across(x, b)
        q[4 * i], q[4 * i + 1], q[4 * i + 2], q[4 * i + 3] = _quaternion(x, y, _cross(x, y))


@inlined
def _sweep(a: Vector, b: Vector, c: Vector) -> tuple[Vector, Vector, Vector]:
    a, b = _rotate(a, b)
    a, c = _rotate(a, c)
    b, c = _rotate(b, c)
    return a, b, c


@inlined
def _rotate(a: Vector, b: Vector) -> tuple[Vector, Vector]:
    """Rotate two columns in their plane until they are orthogonal and the first is the longer one."""
    difference, product = _dot(a, a) - _dot(b, b), TWO * _dot(a, b)
    # divided by the larger of the two: the squares of very short columns would be 0
    inverse = ONE / (max(abs(difference), abs(product)) + TINY)
    along, across = (abs(difference) + TINY) * inverse, product * inverse
    reach = math.sqrt(along * along + across * across)
    large = math.sqrt(HALF + HALF * along / reach)
    small = HALF * across / (reach * large)
    longer = difference >= ZERO
    cosine = large if longer else abs(small)
    sine = small if longer else (large if product >= ZERO else -large)
    return _sum(_scaled(a, cosine), _scaled(b, sine)), _sum(_scaled(b, cosine), _scaled(a, -sine))


@inlined
def _unit_across(x: Vector, vector: Vector) -> Vector:
    """The direction of a vector's part across the unit vector x; any direction across x if there is no such part."""
    rest = _sum(vector, _scaled(x, -_dot(x, vector)))
    flat = abs(x[0]) < FLAT
    other = (ZERO if flat else -x[1], -x[2] if flat else x[0], x[1] if flat else ZERO)
    squared = _dot(rest, rest)
    chosen = rest if squared > CLEAR * CLEAR else other
    return _scaled(chosen, ONE / math.sqrt(_dot(chosen, chosen)))


@inlined
def _quaternion(x: Vector, y: Vector, z: Vector) -> Quaternion:
    """w, x, y, z of the rotation with these columns, as in :func:`.covariance.quats_from_rotation`."""
    ww, xx = ONE + x[0] + y[1] + z[2], ONE + x[0] - y[1] - z[2]
    yy, zz = ONE - x[0] + y[1] - z[2], ONE - x[0] - y[1] + z[2]
    wx, wy, wz = y[2] - z[1], z[0] - x[2], x[1] - y[0]
    xy, xz, yz = y[0] + x[1], z[0] + x[2], z[1] + y[2]
    by_w_or_x = (ww, wx, wy, wz) if ww > xx else (wx, xx, xy, xz)
    by_y_or_z = (wy, xy, yy, yz) if yy > zz else (wz, xz, yz, zz)
    a, b, c, d = by_w_or_x if max(ww, xx) > max(yy, zz) else by_y_or_z
    scale = ONE / math.sqrt(a * a + b * b + c * c + d * d)
    return a * scale, b * scale, c * scale, d * scale


@inlined
def _mapped(m: Floats, vector: Vector, scale: Number) -> Vector:
    """``scale`` · M v."""
    x, y, z = _scaled(vector, scale)
    return m[0] * x + m[1] * y + m[2] * z, m[3] * x + m[4] * y + m[5] * z, m[6] * x + m[7] * y + m[8] * z


@inlined
def _scaled(vector: Vector, factor: Number) -> Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


@inlined
def _sum(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@inlined
def _dot(a: Vector, b: Vector) -> Number:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inlined
def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@inlined
def _largest(vector: Vector) -> Number:
    return max(max(abs(vector[0]), abs(vector[1])), abs(vector[2]))
