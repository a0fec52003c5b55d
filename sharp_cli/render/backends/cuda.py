"""The CUDA backend: gsplat's rasterization in classic mode, as docs/network.md §10 describes it.

Checked against gsplat 1.5.3: ``radius_clip`` 0 keeps the smallest splats. A splat's box ends where its alpha falls
below 1/255; gsplat before 1.5 cut it at 3σ, hence the minimum version. ``near_plane``, ``far_plane`` and ``eps2d`` are
our near, far and eps2d. "RGB+D" gives Σ w z beside the colors, so the division by alpha and the background are in one
place for both backends.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

import torch
from torch import Tensor

from sharp_cli.errors import SharpError

OLDEST = (1, 5)
REMEDY = (
    "install it with pip install 'gsplat>=1.5' packaging ninja, beside a CUDA toolkit (nvcc) that fits torch, "
    "or render on the CPU"
)


def render_cuda(
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
    """The CUDA backend of :func:`sharp_cli.render.rasterizer.rasterize`; ``gaussians`` are its tensors by name.

    Returns:
        Σ w · color (C, H, W, 3), the remaining transmittance (C, H, W) and Σ w · z (C, H, W), on the GPU.

    Raises:
        SharpError: there is no CUDA device, or no working gsplat.
    """
    gsplat = load_gsplat()
    means = gaussians["means"]
    device = means.device if means.is_cuda else torch.device("cuda")
    gaussians = _drop_broken({name: tensor.to(device, torch.float32) for name, tensor in gaussians.items()})
    if "covars" in gaussians:  # gsplat reads only the upper triangle
        gaussians["covars"] = 0.5 * (gaussians["covars"] + gaussians["covars"].mT)
    if not len(gaussians["means"]):
        empty = torch.zeros(len(viewmats), height, width, device=device)
        return torch.stack([empty] * 3, dim=-1), empty + 1, empty
    color_depth, alpha, _ = gsplat.rasterization(
        **{"quats": None, "scales": None, **gaussians},
        viewmats=viewmats.detach().to(device, torch.float32),
        Ks=Ks.detach().to(device, torch.float32),
        **{"width": width, "height": height, "near_plane": near, "far_plane": far, "radius_clip": 0.0},
        **{"eps2d": eps2d, "packed": False, "render_mode": "RGB+D", "rasterize_mode": "classic"},
    )
    return color_depth[..., :3], 1 - alpha[..., 0], color_depth[..., 3]


def _drop_broken(gaussians: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop Gaussians with a value that is not finite or with a zero quaternion: gsplat would render them as noise."""
    sound = torch.stack([t.flatten(1).isfinite().all(1) if t.ndim > 1 else t.isfinite() for t in gaussians.values()])
    keep = sound.all(0)
    if "quats" in gaussians:
        keep &= gaussians["quats"].any(1)
    return gaussians if keep.all() else {name: tensor[keep] for name, tensor in gaussians.items()}


def load_gsplat() -> Any:
    """gsplat with its compiled kernels, which it builds on first use.

    Raises:
        SharpError: there is no CUDA device, or no working gsplat.
    """
    if not torch.cuda.is_available():
        raise SharpError("torch finds no CUDA device (render on the CPU)", code="no_device")
    try:
        version = importlib.metadata.version("gsplat")
        gsplat = importlib.import_module("gsplat")
        kernels = importlib.import_module("gsplat.cuda._backend")._C
    except Exception as error:  # a failed build on the user's machine raises anything
        raise SharpError(
            f"cannot load gsplat, which renders on CUDA: {_brief(error)} ({REMEDY})", "no_device"
        ) from error
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise SharpError(
            f"rendering on CUDA needs gsplat 1.5 or later, but {version} is installed ({REMEDY})", "no_device"
        )
    if kernels is None:
        raise SharpError(f"gsplat has no compiled CUDA kernels, and there is no CUDA toolkit ({REMEDY})", "no_device")
    return gsplat


def _brief(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
