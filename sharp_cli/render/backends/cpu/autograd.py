"""The CPU rasterizer as a differentiable torch function."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sharp_cli.gaussians.covariance import covariances
from sharp_cli.render.backends.cpu.binning import bin_splats
from sharp_cli.render.backends.cpu.blending import blend, blend_backward
from sharp_cli.render.backends.cpu.layout import CHUNK, Bins, CameraArrays, Canvas, Integers, SplatArrays
from sharp_cli.render.backends.cpu.projection import camera_arrays, project_backward
from sharp_cli.runtime.kernels import for_chunks

TILES_AT_A_TIME = 4


def render_cpu(
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
    """The CPU backend of :func:`sharp_cli.render.rasterizer.rasterize`; ``gaussians`` are its tensors by name.

    Returns:
        Σ w · color (C, H, W, 3), the remaining transmittance (C, H, W) and Σ w · z (C, H, W), on the CPU.
    """
    gaussians = {name: tensor.to("cpu", torch.float32).contiguous() for name, tensor in gaussians.items()}
    if "covars" not in gaussians:
        gaussians["covars"] = covariances(gaussians["scales"], gaussians["quats"])
    poses = zip(viewmats.detach().cpu(), Ks.detach().cpu(), strict=True)
    cameras = [camera_arrays(viewmat, K, width, height, eps2d, near, far) for viewmat, K in poses]
    differentiable = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in gaussians.values())
    images: tuple[Tensor, Tensor, Tensor] = _Render.apply(
        *(gaussians[name] for name in SplatArrays._fields), cameras, (height, width), differentiable
    )
    return images


class _Seen(NamedTuple):
    """What one camera sees, kept for the gradient."""

    bins: Bins
    last: Integers


class _Render(torch.autograd.Function):
    """Gaussians and cameras → images, as :func:`render_cpu` returns them."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        *tensors, cameras, size, differentiable = arguments
        gaussians = SplatArrays(*(tensor.detach().numpy() for tensor in tensors))
        shape = (len(cameras), *size)
        color, transmittance, depth = torch.empty(*shape, 3), torch.empty(shape), torch.empty(shape)
        ctx.cameras, ctx.seen = cameras, []
        for camera, *arrays in zip(cameras, color.numpy(), transmittance.numpy(), depth.numpy(), strict=True):
            seen = _render(gaussians, camera, Canvas(*arrays))
            if differentiable:
                ctx.seen.append(seen)
        ctx.save_for_backward(*tensors, transmittance)
        return color, transmittance, depth

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *v_images: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, transmittance = (tensor.detach() for tensor in ctx.saved_tensors)
        gradients = [torch.zeros_like(tensor) for tensor in tensors]
        gaussians, v_gaussians = (SplatArrays(*(t.numpy() for t in group)) for group in (tensors, gradients))
        arrays = (tensor.contiguous().numpy() for tensor in (transmittance, *v_images))
        for camera, seen, remaining, *v_arrays in zip(ctx.cameras, ctx.seen, *arrays, strict=True):
            _add_gradients(gaussians, camera, seen, remaining, Canvas(*v_arrays), v_gaussians)
        return *gradients, None, None, None


def _render(gaussians: SplatArrays, camera: CameraArrays, canvas: Canvas) -> _Seen:
    bins = bin_splats(gaussians, camera)
    last = np.empty((camera.height, camera.width), np.int32)
    for_chunks(blend, len(bins.starts) - 1, TILES_AT_A_TIME, bins, gaussians.colors, canvas, last)
    return _Seen(bins, last)


def _add_gradients(
    gaussians: SplatArrays,
    camera: CameraArrays,
    seen: _Seen,
    transmittance: Any,
    v_canvas: Canvas,
    v_gaussians: SplatArrays,
) -> None:
    """Every tile writes its share of a splat's gradient to a place of its own, so sums have a fixed order."""
    bins, last = seen
    sides = (bins.boxes[:, 2:] - bins.boxes[:, :2]).astype(np.int64)
    firsts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sides[:, 0] * sides[:, 1])])
    sums = np.zeros((len(bins.order), 10), np.float32)
    pixels = (bins, gaussians.colors, transmittance, last, v_canvas)
    for_chunks(blend_backward, len(bins.starts) - 1, TILES_AT_A_TIME, *pixels, firsts, sums)
    for_chunks(project_backward, len(gaussians.means), CHUNK, gaussians, camera, bins, firsts, sums, v_gaussians)
