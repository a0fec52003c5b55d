"""Value noise, for the kernels: smooth numbers in [0, 1] that depend on the place only."""

from __future__ import annotations

import math

from sharp_cli.scenes.compiling import inlined, kernel


@inlined
def hashed(i: int, j: int, k: int) -> float:
    """A number in [0, 1) that looks random, from three integers."""
    n = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791)
    n = (n ^ (n >> 13)) * 1274126177 & 0x7FFFFFFF
    n = (n ^ (n >> 16)) * 668265263 & 0x7FFFFFFF
    return ((n ^ (n >> 15)) & 0xFFFF) / 65536.0


@kernel
def noise(x: float, y: float, z: float) -> float:
    """Hashed numbers at integer places, smoothly interpolated between them."""
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    i, j, k = int(fx), int(fy), int(fz)
    x, y, z = x - fx, y - fy, z - fz
    x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
    near = _mix(_mix(hashed(i, j, k), hashed(i + 1, j, k), x), _mix(hashed(i, j + 1, k), hashed(i + 1, j + 1, k), x), y)
    k += 1
    far = _mix(_mix(hashed(i, j, k), hashed(i + 1, j, k), x), _mix(hashed(i, j + 1, k), hashed(i + 1, j + 1, k), x), y)
    return _mix(near, far, z)


@inlined
def _mix(a: float, b: float, share: float) -> float:
    return a + share * (b - a)
