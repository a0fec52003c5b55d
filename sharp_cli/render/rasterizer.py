"""Gaussians and cameras in, images out: the one way to render, on any device (docs/network.md §10)."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

Backend = Literal["auto", "cpu", "cuda", "webgpu"]


class Rendering(NamedTuple):
    """C images of H × W pixels, float32, on the device of the Gaussians."""

    color: Tensor
    """(C, H, W, 3) in the color space of the Gaussians' colors, background included."""
    alpha: Tensor
    """(C, H, W) in [0, 1)."""
    depth: Tensor
    """(C, H, W) mean camera z of what a pixel shows, Σ w z / Σ w, in the unit of the means; 0 if it shows nothing."""


def rasterize(
    means: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    *,
    quats: Tensor | None = None,
    scales: Tensor | None = None,
    covars: Tensor | None = None,
    eps2d: float = 0.0,
    background: Tensor | None = None,
    near: float = 0.01,
    far: float = 1e10,
    backend: Backend = "auto",
) -> Rendering:
    """Render N Gaussians through C pinhole cameras, by the rules of gsplat's classic mode.

    Differentiable once, with respect to means, quats, scales, covars, opacities, colors and background; not with
    respect to the cameras. On the CPU the same input gives the same bytes. Gaussians with a value that is not finite, a
    zero quaternion or a flat projection (with ``eps2d`` 0) are not rendered.

    Args:
        means: (N, 3) centers in the world.
        opacities: (N,) in [0, 1]; Gaussians below 1/255 are not rendered.
        colors: (N, 3), blended as they are: linear RGB for blending in linear light.
        viewmats: (C, 4, 4) world to camera: x right, y down, z forward.
        Ks: (C, 3, 3) focal lengths and principal point [px]; pixel centers are at half integers.
        width, height: of the images [px].
        quats, scales: (N, 4) rotations w, x, y, z of any length and (N, 3) standard deviations along their axes; or
        covars: (N, 3, 3) covariance matrices instead, of which the symmetric part counts.
        eps2d: added to the variance of every splat along both image axes [px²].
        background: (3,) or (C, 3), in the color space of ``colors``; black by default.
        near, far: Gaussians whose center has a z outside these are not rendered.
        backend: "cpu" (our own kernels), "cuda" (gsplat), "webgpu" (our own shaders, without gradients), or "auto":
            CPU or CUDA, by the device of ``means``.

    Raises:
        ValueError: wrong shapes, not exactly one of quats with scales and covars, a size of zero, or gradients wanted
            of "webgpu".
        SharpError: "cuda" or "webgpu", and there is no device, or its package does not work.
    """
    gaussians = {"means": means, "opacities": opacities, "colors": colors}
    gaussians |= {name: t for name, t in {"quats": quats, "scales": scales, "covars": covars}.items() if t is not None}
    background = torch.zeros(3) if background is None else background
    _check_shapes(gaussians, viewmats, Ks, background)
    if width < 1 or height < 1 or near <= 0:
        raise ValueError(f"width, height and near must be positive, not {width}, {height} and {near}")
    if backend not in get_args(Backend):
        raise ValueError(f"backend must be one of {', '.join(get_args(Backend))}, not {backend}")

    if backend == "cuda" or (backend == "auto" and means.is_cuda):
        from sharp_cli.render.backends.cuda import render_cuda as render
    elif backend == "webgpu":
        from sharp_cli.render.backends.webgpu.rasterize import render_webgpu as render
    else:
        from sharp_cli.render.backends.cpu.autograd import render_cpu as render
    images = render(gaussians, viewmats, Ks, width, height, eps2d=eps2d, near=near, far=far)
    color, transmittance, depth = (image.to(means.device) for image in images)
    alpha = 1 - transmittance
    behind = background.to(color).expand(len(viewmats), 3)[:, None, None]
    return Rendering(color + transmittance[..., None] * behind, alpha, depth / alpha.clamp(min=1e-8))


def _check_shapes(gaussians: dict[str, Tensor], viewmats: Tensor, Ks: Tensor, background: Tensor) -> None:
    shaped_by = gaussians.keys() & {"quats", "scales", "covars"}
    if shaped_by not in ({"quats", "scales"}, {"covars"}):
        raise ValueError(f"give quats and scales, or covars; not {' and '.join(sorted(shaped_by)) or 'neither'}")
    count, cameras = len(gaussians["means"]), len(viewmats)
    shapes = {"opacities": (count,), "quats": (count, 4), "covars": (count, 3, 3)}
    shapes |= {"viewmats": (cameras, 4, 4), "Ks": (cameras, 3, 3)}
    for name, tensor in {**gaussians, "viewmats": viewmats, "Ks": Ks}.items():
        shape = shapes.get(name, (count, 3))
        if tensor.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, not {tuple(tensor.shape)}")
    if background.shape not in ((3,), (cameras, 3)):
        raise ValueError(f"background must be (3,) or (C, 3), not {tuple(background.shape)}")
