"""Gaussians and cameras in, pictures out: the one way to render, on any device (docs/network.md §10)."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

Backend = Literal["auto", "cpu", "cuda"]


class Rendering(NamedTuple):
    """C pictures of H × W pixels, float32, on the device of the Gaussians."""

    color: Tensor
    """(C, H, W, 3) in the colour space of the Gaussians' colours (linear RGB), background included."""
    alpha: Tensor
    """(C, H, W) in [0, 1)."""
    depth: Tensor
    """(C, H, W) mean camera z of what a pixel shows, Σ w z / Σ w, in the unit of the means; 0 where nothing is."""


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
    zero quaternion or a flat projection (with ``eps2d`` 0) are not drawn.

    Args:
        means: (N, 3) centres in the world.
        opacities: (N,) in [0, 1]; below 1/255 nothing is drawn.
        colors: (N, 3), linear RGB if blending is to be in linear light.
        viewmats: (C, 4, 4) world to camera: x right, y down, z forward.
        Ks: (C, 3, 3) focal lengths and principal point in pixels; pixel centres are at half integers.
        width, height: of the pictures in pixels.
        quats, scales: (N, 4) rotations w, x, y, z of any length and (N, 3) standard deviations along their axes; or
        covars: (N, 3, 3) covariance matrices instead, of which the symmetric part counts.
        eps2d: added to the variance of every splat along both picture axes [px²].
        background: (3,) or (C, 3) what shows through; black by default.
        near, far: Gaussians with a centre at z outside these are left out.
        backend: "cpu" (our own kernels), "cuda" (gsplat), or "auto": by the device of ``means``.

    Raises:
        ValueError: shapes that do not fit, not exactly one of quats with scales and covars, or a size of zero.
        SharpError: CUDA is asked for, and there is no device or no working gsplat.
    """
    gaussians = {"means": means, "opacities": opacities, "colors": colors}
    gaussians |= {name: t for name, t in {"quats": quats, "scales": scales, "covars": covars}.items() if t is not None}
    _check(gaussians, viewmats, Ks)
    if width < 1 or height < 1 or near <= 0:
        raise ValueError(f"width, height and near must be positive, not {width}, {height} and {near}")
    if backend not in get_args(Backend):
        raise ValueError(f"backend must be one of {', '.join(get_args(Backend))}, not {backend}")
    if background is None:
        background = torch.zeros(3)
    if background.shape not in ((3,), (len(viewmats), 3)):
        raise ValueError(f"background must be (3,) or (C, 3), not {tuple(background.shape)}")

    if backend == "cuda" or (backend == "auto" and means.is_cuda):
        from sharp_cli.render.backends.cuda import render_cuda as render
    else:
        from sharp_cli.render.backends.cpu.autograd import render_cpu as render
    pictures = render(gaussians, viewmats, Ks, width, height, eps2d=eps2d, near=near, far=far)
    color, transmittance, depth = (picture.to(means.device) for picture in pictures)
    alpha = 1 - transmittance
    behind = background.to(color).expand(len(viewmats), 3)[:, None, None]
    return Rendering(
        color=color + transmittance[..., None] * behind,
        alpha=alpha,
        depth=depth / alpha.clamp(min=1e-8),
    )


def _check(gaussians: dict[str, Tensor], viewmats: Tensor, Ks: Tensor) -> None:
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
