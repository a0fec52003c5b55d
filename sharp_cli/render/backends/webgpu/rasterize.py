"""The WebGPU backend: project, sort by depth, list by tile, blend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharp_cli.gaussians.covariance import covariances
from sharp_cli.render.backends.cpu.layout import CHUNK, CameraArrays, Floats
from sharp_cli.render.backends.cpu.projection import camera_arrays
from sharp_cli.render.backends.webgpu.device import Gpu, open_gpu
from sharp_cli.render.backends.webgpu.sort import exclusive_scan, radix_sort
from sharp_cli.runtime.kernels import for_chunks, kernel

TILE = 16


def render_webgpu(
    gaussians: dict[str, Tensor],
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    *,
    eps2d: float,
    near: float,
    far: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The WebGPU backend of :func:`sharp_cli.render.rasterizer.rasterize`; ``gaussians`` are its tensors by name.

    Returns:
        Σ w · color (C, H, W, 3), the remaining transmittance (C, H, W) and Σ w · z (C, H, W), on the CPU.

    Raises:
        ValueError: a gradient is wanted; this backend has none.
        SharpError: there is no device, or the scene does not fit into its buffers.
    """
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in gaussians.values()):
        raise ValueError("the webgpu backend has no gradient (use the backend cpu or cuda)")
    gaussians = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in gaussians.items()}
    if "covars" not in gaussians:
        gaussians["covars"] = covariances(gaussians["scales"], gaussians["quats"])
    poses = zip(viewmats.detach().cpu(), Ks.detach().cpu(), strict=True)
    cameras = [camera_arrays(viewmat, K, width, height, eps2d, near, far) for viewmat, K in poses]
    image, depth = (
        np.zeros((len(cameras), height, width, 4), np.float32),
        np.zeros((len(cameras), height, width), np.float32),
    )
    image[..., 3] = 1
    count = len(gaussians["means"])
    if count:
        gpu = open_gpu()
        with gpu.lock:
            scene = _upload(gpu, {name: tensor.numpy() for name, tensor in gaussians.items()})
            for i, camera in enumerate(cameras):
                _render(gpu, scene, camera, count, image[i], depth[i])
    whole = torch.from_numpy(image)
    return whole[..., :3], whole[..., 3], torch.from_numpy(depth)


def _upload(gpu: Gpu, arrays: dict[str, Floats]) -> dict[str, Any]:
    count = len(arrays["means"])
    means, factors = np.empty((count, 4), np.float32), np.empty((count, 6), np.float32)
    for_chunks(
        _pack, count, CHUNK, *(arrays[name] for name in ("means", "covars", "opacities", "colors")), means, factors
    )
    return {
        name: gpu.upload(name, a)
        for name, a in {"means": means, "factors": factors, "colors": arrays["colors"]}.items()
    }


@kernel
def _pack(
    start: int,
    stop: int,
    means: Floats,
    covars: Floats,
    opacities: Floats,
    colors: Floats,
    out: Floats,
    factors: Floats,
) -> None:
    """Means with opacities, and the Cholesky factors of covariances, for the GPU; broken Gaussians get opacity 0.

    Shaders may be compiled as if there were no NaN, so none may reach them. Covariances that rounding has made
    indefinite get the nearest factor that is easily found.
    """
    for i in range(start, stop):
        a, d, f = float(covars[i, 0, 0]), float(covars[i, 1, 1]), float(covars[i, 2, 2])
        b = 0.5 * (float(covars[i, 0, 1]) + float(covars[i, 1, 0]))
        c = 0.5 * (float(covars[i, 0, 2]) + float(covars[i, 2, 0]))
        e = 0.5 * (float(covars[i, 1, 2]) + float(covars[i, 2, 1]))
        total = abs(a) + abs(b) + abs(c) + abs(d) + abs(e) + abs(f) + abs(float(opacities[i]))
        for k in range(3):
            total += abs(float(means[i, k])) + abs(float(colors[i, k]))
        if not total < 1e30:
            out[i], factors[i] = 0, 0
            continue
        for k in range(3):
            out[i, k] = means[i, k]
        out[i, 3] = opacities[i]
        first = math.sqrt(max(a, 0.0))
        low, far = (b / first, c / first) if first > 0 else (0.0, 0.0)
        second = math.sqrt(max(d - low * low, 0.0))
        left = max(f - far * far, 0.0)
        most = math.sqrt(left)
        across = min(max((e - low * far) / second, -most), most) if second > 0 else 0.0
        factors[i, 0], factors[i, 1], factors[i, 2] = first, low, second
        factors[i, 3], factors[i, 4], factors[i, 5] = far, across, math.sqrt(max(left - across * across, 0.0))


def _render(gpu: Gpu, scene: dict[str, Any], camera: CameraArrays, count: int, image: Floats, depth: Floats) -> None:
    """One image into (H, W, 4) color and transmittance, and (H, W) depth."""
    tiles_x, tiles_y = -(-camera.width // TILE), -(-camera.height // TILE)
    tiles, pixels = tiles_x * tiles_y, camera.width * camera.height
    groups = -(-count // 256)
    seen = gpu.uniform(_camera_bytes(camera, tiles_x, tiles_y, count))
    splats, boxes = gpu.buffer("splats", count, 32), gpu.buffer("boxes", count, 16)
    keys, ids = gpu.buffer("depth keys", count), gpu.buffer("depth ids", count)
    firsts = gpu.buffer("firsts", count + 1)

    encoder = gpu.device.create_command_encoder()
    steps = encoder.begin_compute_pass()
    gpu.run(steps, "project", [seen, scene["means"], scene["factors"], splats, boxes, keys, ids], groups)
    _, order = radix_sort(gpu, steps, "depth", keys, ids, count, bits=32)
    gpu.run(steps, "count", [gpu.uniform(count), order, boxes, firsts], -(-(count + 1) // 256))
    exclusive_scan(gpu, steps, "firsts", firsts, count + 1)
    steps.end()
    gpu.device.queue.submit([encoder.finish()])
    entries = int(gpu.read(firsts, np.uint32, 1, first=count)[0])

    ranges, keys, values = (
        gpu.buffer("ranges", tiles, 8),
        gpu.buffer("tile keys", entries),
        gpu.buffer("tile ids", entries),
    )
    colors, depths = gpu.buffer("image", pixels, 16), gpu.buffer("depths", pixels)
    encoder = gpu.device.create_command_encoder()
    encoder.clear_buffer(ranges)
    steps = encoder.begin_compute_pass()
    if entries:
        gpu.run(steps, "emit", [seen, order, boxes, firsts, keys, values], groups)
        keys, values = radix_sort(gpu, steps, "tile", keys, values, entries, bits=(tiles - 1).bit_length())
        gpu.run(steps, "ranges", [gpu.uniform(entries), keys, ranges], -(-entries // 256))
    gpu.run(steps, "blend", [seen, splats, scene["colors"], values, ranges, colors, depths], (tiles_x, tiles_y))
    steps.end()
    gpu.device.queue.submit([encoder.finish()])
    image[:] = gpu.read(colors, np.float32, 4 * pixels).reshape(image.shape)
    depth[:] = gpu.read(depths, np.float32, pixels).reshape(depth.shape)


def _camera_bytes(camera: CameraArrays, tiles_x: int, tiles_y: int, count: int) -> bytes:
    """The ``Camera`` of camera.wgsl."""
    pose = np.concatenate([camera.rotation, camera.translation[:, None]], axis=1)
    lens = [camera.fx, camera.fy, camera.cx, camera.cy, camera.x_low, camera.y_low, camera.x_high, camera.y_high]
    sizes = [camera.width, camera.height, tiles_x, tiles_y]
    depths = [camera.eps2d, camera.near, camera.far]
    floats, numbers = np.float32, np.uint32
    parts = ((pose, floats), (lens, floats), (sizes, numbers), (depths, floats), ([count], numbers))
    return b"".join(np.asarray(values, dtype).tobytes() for values, dtype in parts)
