"""Lenses that a pinhole camera cannot describe: which direction each pixel sees.

- ``opencv``: x' = x · radial + 2 p1 x y + p2 (r² + 2 x²), y' = y · radial + p1 (r² + 2 y²) + 2 p2 x y, with
  radial = (1 + a1 r² + a2 r⁴ + a3 r⁶ + a4 r⁸) / (1 + b1 r² + b2 r⁴ + b3 r⁶), x = X / Z, y = Y / Z
- ``fisheye``: θ' = θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸), θ the angle to the axis; also called Kannala-Brandt
- ``equirectangular``: longitude and latitude are the picture's x and y: 360° × 180°

x' and y' times the focal lengths plus the principal point are pixels, as for a pinhole. These are the formulas of
OpenCV's ``calib3d`` and ``fisheye`` modules, of COLMAP and of nerfstudio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Model = Literal["opencv", "fisheye", "equirectangular"]

STEPS = 20
"""Of Newton's method, which converges in five or so."""
CLOSE = 1e-9
"""How near to its pixel a ray must lead [focal lengths]."""
WIDEST = 20.0
"""tan of the largest angle to the axis at which ``opencv`` is looked at: 87°."""
SAMPLES = 1 << 14


@dataclass(frozen=True)
class Lens:
    """How a lens bends rays."""

    model: Model
    coefficients: tuple[float, ...] = ()
    """``opencv``: a1, a2, p1, p2, a3, a4, b1, b2, b3; ``fisheye``: k1, k2, k3, k4; as many as there are, then zeros."""


def pixel_rays(lens: Lens, K: Array, width: int, height: int) -> Array:
    """(H, W, 3) unit directions x right, y down, z forward of all pixel centers; NaN where the lens sees nothing.

    Args:
        K: (3, 3) focal lengths and principal point [px]; ``equirectangular`` does not use it.
    """
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    if lens.model == "equirectangular":
        longitude, latitude = (u / width - 0.5) * 2 * np.pi, (v / height - 0.5) * np.pi
        across = np.cos(latitude)
        return np.stack([across * np.sin(longitude), np.sin(latitude), across * np.cos(longitude)], axis=-1)
    x, y = (u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1]
    if lens.model == "fisheye":
        return _fisheye_rays(lens, x, y)
    x, y = _undistort(lens, x, y)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1)
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def distort(lens: Lens, x: Array, y: Array) -> tuple[Array, Array]:
    """x', y' of rays (x, y, 1) through an ``opencv`` lens."""
    a1, a2, p1, p2, a3, a4, b1, b2, b3 = _padded(lens, 9)
    rr = x * x + y * y
    radial = (1 + rr * (a1 + rr * (a2 + rr * (a3 + rr * a4)))) / (1 + rr * (b1 + rr * (b2 + rr * b3)))
    return x * radial + 2 * p1 * x * y + p2 * (rr + 2 * x * x), y * radial + p1 * (rr + 2 * y * y) + 2 * p2 * x * y


def _undistort(lens: Lens, across: Array, down: Array) -> tuple[Array, Array]:
    """The inverse of :func:`distort` by Newton's method; NaN where there is no ray."""
    x, y = across.copy(), down.copy()
    step = 1e-6
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            fx, fy = distort(lens, x, y)
            left, right = distort(lens, x - step, y), distort(lens, x + step, y)
            above, below = distort(lens, x, y - step), distort(lens, x, y + step)
            xx, yx = ((b - a) / (2 * step) for a, b in zip(left, right, strict=True))
            xy, yy = ((b - a) / (2 * step) for a, b in zip(above, below, strict=True))
            determinant = xx * yy - xy * yx
            dx, dy = across - fx, down - fy
            x, y = x + (yy * dx - xy * dy) / determinant, y + (xx * dy - yx * dx) / determinant
        fx, fy = distort(lens, x, y)
        found = (np.abs(fx - across) < CLOSE) & (np.abs(fy - down) < CLOSE)
        seen = found & (np.hypot(x, y) < _largest_radius(lens))
    return np.where(seen, x, np.nan), np.where(seen, y, np.nan)


def _largest_radius(lens: Lens) -> float:
    """The radius at which the formula folds back, so that farther rays would land on nearer ones' pixels."""
    r = np.linspace(0, WIDEST, SAMPLES)
    radial = Lens(lens.model, (*_padded(lens, 2), 0.0, 0.0, *_padded(lens, 9)[4:]))
    with np.errstate(all="ignore"):
        grows = np.diff(distort(radial, r, np.zeros_like(r))[0]) > 0
    return float(r[np.argmin(grows)]) if not grows.all() else WIDEST


def _fisheye_rays(lens: Lens, x: Array, y: Array) -> Array:
    k1, k2, k3, k4 = _padded(lens, 4)
    theta = np.linspace(0, np.pi, SAMPLES)
    tt = theta * theta
    bent = theta * (1 + tt * (k1 + tt * (k2 + tt * (k3 + tt * k4))))
    grows = np.diff(bent) > 0
    end = SAMPLES if grows.all() else int(np.argmin(grows)) + 1
    radius = np.hypot(x, y)
    angle = np.interp(radius, bent[:end], theta[:end], right=np.nan)
    scale = np.where(radius > 0, np.sin(angle) / np.where(radius > 0, radius, 1), 0)
    return np.stack([x * scale, y * scale, np.where(np.isnan(angle), np.nan, np.cos(angle))], axis=-1)


def _padded(lens: Lens, count: int) -> tuple[float, ...]:
    return (*lens.coefficients, *[0.0] * count)[:count]
