"""From Gaussians in the world to ellipses in the image, and the gradient back (docs/network.md §10).

Computed in double precision, which costs little here and keeps long thin splats exact; results are float32.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from sharp_cli.render.backends.cpu import layout as at
from sharp_cli.render.backends.cpu.layout import (
    CHUNK,
    FAINTEST,
    HALF_LOG2E,
    TILE,
    Bins,
    CameraArrays,
    Doubles,
    Floats,
    Integers,
    Longs,
    Shorts,
    SplatArrays,
)
from sharp_cli.runtime.kernels import inlined, kernel


def camera_arrays(
    viewmat: Tensor, K: Tensor, width: int, height: int, eps2d: float, near: float, far: float
) -> CameraArrays:
    """One camera: (4, 4) world to camera, (3, 3) intrinsics (skew is not supported), and what follows from them."""
    pose, intrinsics = viewmat.double().numpy(), K.double().numpy()
    fx, fy, cx, cy = (float(intrinsics[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2)))
    beyond_x, beyond_y = 0.15 * width / fx, 0.15 * height / fy
    return CameraArrays(
        rotation=np.ascontiguousarray(pose[:3, :3]),
        translation=np.ascontiguousarray(pose[:3, 3]),
        fx=fx,
        fy=fy,
        cx=cx,
        cy=cy,
        x_low=-cx / fx - beyond_x,
        x_high=(width - cx) / fx + beyond_x,
        y_low=-cy / fy - beyond_y,
        y_high=(height - cy) / fy + beyond_y,
        width=width,
        height=height,
        eps2d=float(eps2d),
        near=float(near),
        far=float(far),
    )


@kernel
def project(
    start: int, stop: int, gaussians: SplatArrays, camera: CameraArrays, splats: Floats, boxes: Shorts, counts: Integers
) -> None:
    """Fill ``splats`` and ``boxes`` (see :class:`Bins`) for Gaussians ``start`` to ``stop``.

    ``counts`` (chunks, tiles) gains the number of this chunk's splats in each tile.
    """
    tiles_x = (camera.width + TILE - 1) // TILE
    axes, spread = np.empty((2, 3)), np.empty((2, 3))
    for i in range(start, stop):
        boxes[i] = 0
        x, y, z = _camera_point(gaussians.means, i, camera)
        opacity = float(gaussians.opacities[i])
        # every condition is such that NaN fails it
        if not (camera.near <= z <= camera.far and opacity >= FAINTEST):
            continue
        if not math.isfinite(gaussians.colors[i, 0] + gaussians.colors[i, 1] + gaussians.colors[i, 2]):
            continue
        _image_axes(x / z, y / z, z, camera, axes)
        xx, xy, yy = _covariance_2d(gaussians.covars, i, axes, camera.eps2d, spread)
        det = xx * yy - xy * xy
        if not 0 < det < math.inf:
            continue
        center_x, center_y = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
        reach = 2 * math.log(opacity / FAINTEST)
        half_width, half_height = math.sqrt(reach * xx), math.sqrt(reach * yy)
        first_x, last_x = _pixel_range(center_x, half_width, camera.width)
        first_y, last_y = _pixel_range(center_y, half_height, camera.height)
        if first_x > last_x or first_y > last_y:
            continue
        splats[i, at.X], splats[i, at.Y] = center_x, center_y
        splats[i, at.HALF_WIDTH], splats[i, at.HALF_HEIGHT] = half_width, half_height
        splats[i, at.UX] = math.sqrt(HALF_LOG2E * yy / det)
        splats[i, at.UY] = -xy * math.sqrt(HALF_LOG2E / (det * yy))
        splats[i, at.VY] = math.sqrt(HALF_LOG2E / yy)
        splats[i, at.PEAK] = math.log2(opacity)
        splats[i, at.DEPTH] = z
        splats[i, at.INVERSE_UX] = math.sqrt(det / (HALF_LOG2E * yy))
        if not _is_moderate(splats[i]):
            continue
        boxes[i, 0], boxes[i, 1] = first_x // TILE, first_y // TILE
        boxes[i, 2], boxes[i, 3] = last_x // TILE + 1, last_y // TILE + 1
        for tile_y in range(boxes[i, 1], boxes[i, 3]):
            for tile_x in range(boxes[i, 0], boxes[i, 2]):
                counts[start // CHUNK, tile_y * tiles_x + tile_x] += 1


@kernel
def project_backward(
    start: int,
    stop: int,
    gaussians: SplatArrays,
    camera: CameraArrays,
    bins: Bins,
    firsts: Longs,
    sums: Floats,
    v_gaussians: SplatArrays,
) -> None:
    """Add one camera's gradients to ``v_gaussians``; splat i's rows of ``sums`` are firsts[i] to firsts[i + 1]."""
    axes, spread, v_axes = np.empty((2, 3)), np.empty((2, 3)), np.empty((2, 3))
    total = np.empty(10)
    for i in range(start, stop):
        if firsts[i] == firsts[i + 1]:
            continue
        total[:] = 0
        for row in range(firsts[i], firsts[i + 1]):
            for k in range(10):
                total[k] += sums[row, k]
        v_gaussians.opacities[i] += total[at.G] / gaussians.opacities[i]
        for k in range(3):
            v_gaussians.colors[i, k] += total[at.RED + k]

        # with A the triangular form, (u, v) = A (x, y): ∂center = Aᵀ Σ g (u, v), ∂Σ₂ = ½ Aᵀ Σ g (u, v)(u, v)ᵀ A,
        # each A divided by HALF_LOG2E; v_xy is the sum of both entries off the diagonal
        ux, uy, vy = float(bins.splats[i, at.UX]), float(bins.splats[i, at.UY]), float(bins.splats[i, at.VY])
        v_center_x = ux * total[at.GU] / HALF_LOG2E
        v_center_y = (uy * total[at.GU] + vy * total[at.GV]) / HALF_LOG2E
        guu, guv, gvv = total[at.GUU], total[at.GUV], total[at.GVV]
        half = 0.5 / HALF_LOG2E**2
        v_xx = half * ux * ux * guu
        v_xy = 2 * half * ux * (uy * guu + vy * guv)
        v_yy = half * (uy * uy * guu + 2 * uy * vy * guv + vy * vy * gvv)

        x, y, z = _camera_point(gaussians.means, i, camera)
        slope_x, slope_y = x / z, y / z
        _image_axes(slope_x, slope_y, z, camera, axes)
        _covariance_2d(gaussians.covars, i, axes, camera.eps2d, spread)
        for j in range(3):
            v_axes[0, j] = 2 * v_xx * spread[0, j] + v_xy * spread[1, j]
            v_axes[1, j] = 2 * v_yy * spread[1, j] + v_xy * spread[0, j]
            for k in range(3):
                v_gaussians.covars[i, j, k] += (
                    v_xx * axes[0, j] * axes[0, k]
                    + 0.5 * v_xy * (axes[0, j] * axes[1, k] + axes[1, j] * axes[0, k])
                    + v_yy * axes[1, j] * axes[1, k]
                )
        v_x, v_xz = _image_axis_backward(slope_x, z, camera.fx, camera.x_low, camera.x_high, 0, camera.rotation, v_axes)
        v_y, v_yz = _image_axis_backward(slope_y, z, camera.fy, camera.y_low, camera.y_high, 1, camera.rotation, v_axes)
        v_x += camera.fx / z * v_center_x
        v_y += camera.fy / z * v_center_y
        v_z = total[at.DEEP] + v_xz + v_yz
        v_z -= (camera.fx * slope_x * v_center_x + camera.fy * slope_y * v_center_y) / z
        for k in range(3):
            v_gaussians.means[i, k] += (
                camera.rotation[0, k] * v_x + camera.rotation[1, k] * v_y + camera.rotation[2, k] * v_z
            )


@inlined
def _camera_point(means: Floats, i: int, camera: CameraArrays) -> tuple[float, float, float]:
    a, b, c = float(means[i, 0]), float(means[i, 1]), float(means[i, 2])
    r, t = camera.rotation, camera.translation
    return (
        r[0, 0] * a + r[0, 1] * b + r[0, 2] * c + t[0],
        r[1, 0] * a + r[1, 1] * b + r[1, 2] * c + t[1],
        r[2, 0] * a + r[2, 1] * b + r[2, 2] * c + t[2],
    )


@inlined
def _image_axes(slope_x: float, slope_y: float, z: float, camera: CameraArrays, axes: Doubles) -> None:
    """J W: the image's x and y directions in the world, per pixel. Slopes are x/z and y/z."""
    slope_x = min(max(slope_x, camera.x_low), camera.x_high)
    slope_y = min(max(slope_y, camera.y_low), camera.y_high)
    for k in range(3):
        axes[0, k] = camera.fx / z * (camera.rotation[0, k] - slope_x * camera.rotation[2, k])
        axes[1, k] = camera.fy / z * (camera.rotation[1, k] - slope_y * camera.rotation[2, k])


@inlined
def _image_axis_backward(
    slope: float, z: float, focal: float, low: float, high: float, row: int, rotation: Doubles, v_axes: Doubles
) -> tuple[float, float]:
    """Gradient of one row of :func:`_image_axes` for its own camera coordinate (x or y) and z."""
    v_straight, v_forward = 0.0, 0.0
    for k in range(3):
        v_straight += v_axes[row, k] * rotation[row, k]
        v_forward += v_axes[row, k] * rotation[2, k]
    scale = focal / (z * z)
    if low <= slope <= high:
        return -scale * v_forward, scale * (2 * slope * v_forward - v_straight)
    slope = min(max(slope, low), high)
    return 0.0, scale * (slope * v_forward - v_straight)


@inlined
def _covariance_2d(covars: Floats, i: int, axes: Doubles, eps2d: float, spread: Doubles) -> tuple[float, float, float]:
    """J W Σ Wᵀ Jᵀ + eps2d · I as xx, xy, yy, with the symmetric part of Σ; ``spread`` becomes J W Σ."""
    for row in range(2):
        for k in range(3):
            value = 0.0
            for j in range(3):
                value += axes[row, j] * 0.5 * (float(covars[i, j, k]) + float(covars[i, k, j]))
            spread[row, k] = value
    xx, xy, yy = eps2d, 0.0, eps2d
    for k in range(3):
        xx += spread[0, k] * axes[0, k]
        xy += spread[0, k] * axes[1, k]
        yy += spread[1, k] * axes[1, k]
    return xx, xy, yy


@inlined
def _is_moderate(splat: Floats) -> bool:
    """Whether all values are far from float32's limits; other splats are too thin or too far away to matter."""
    total = 0.0
    for value in splat:
        total += abs(value)
    return total < 1e18


@inlined
def _pixel_range(center: float, radius: float, size: int) -> tuple[int, int]:
    """First and last pixel of a row of ``size`` with centers within ``radius``; first > last if there is none."""
    first = math.ceil(min(max(center - radius - 0.5, 0.0), float(size)))
    last = math.floor(min(max(center + radius - 0.5, -1.0), float(size - 1)))
    return int(first), int(last)
