"""The CUDA backend: gsplat's rasterization in classic mode, as docs/network.md §10 describes it.

Checked against gsplat 1.5.3, the only series we take: 1.6 caps alpha at 0.99 where 1.5, docs/network.md and our CPU
backend cap it at 0.999. In 1.5, ``radius_clip`` 0 keeps the smallest splats. A splat's box ends where its alpha falls
below 1/255; gsplat before 1.5 cut it at 3σ, hence the minimum version. ``near_plane``, ``far_plane`` and ``eps2d`` are
our near, far and eps2d. "RGB+D" gives Σ w z beside the colors, so the division by alpha and the background are in one
place for both backends.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import sys
from functools import cache
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from sharp_cli.errors import SharpError

LOG = logging.getLogger(__name__)

SERIES = (1, 5)
REMEDY = "install gsplat 1.5 beside a CUDA toolkit (nvcc) that fits torch, or render on the CPU"


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
    device = device_of(means)
    gaussians = _drop_broken({name: tensor.to(device, torch.float32) for name, tensor in gaussians.items()})
    if "covars" in gaussians:  # gsplat reads only the upper triangle
        gaussians["covars"] = 0.5 * (gaussians["covars"] + gaussians["covars"].mT)
    if not len(gaussians["means"]):
        nothing = torch.stack([tensor.sum() for tensor in gaussians.values()]).sum()  # 0, and keeps the graph
        empty = nothing.expand(len(viewmats), height, width)
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


def device_of(means: Tensor) -> torch.device:
    """Where to render: where the Gaussians are, or on the current GPU."""
    return means.device if means.is_cuda else torch.device("cuda")


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
    except Exception as error:
        raise _broken(f"cannot load gsplat, which renders on CUDA: {_brief(error)}") from error
    if tuple(int(part) for part in version.split(".")[:2]) != SERIES:
        raise _broken(f"rendering on CUDA needs gsplat 1.5, but {version} is installed")
    try:
        kernels = _load_kernels()
    except Exception as error:  # a failed build on the user's machine raises anything
        raise _broken(f"cannot build gsplat's CUDA kernels: {_brief(error)}") from error
    if kernels is None:
        raise _broken("gsplat has no compiled CUDA kernels, and there is no CUDA toolkit")
    return gsplat


def _load_kernels() -> Any:
    """gsplat's compiled kernels; None if it has none and cannot build them.

    Processes build one at a time, those of torchrun too: gsplat deletes a build in progress when it finds no result.
    Whoever builds says so.
    """
    name = "gsplat.cuda._backend"
    if name in sys.modules or importlib.util.find_spec("gsplat.csrc") is not None:
        return importlib.import_module(name)._C
    from torch.utils.cpp_extension import _get_build_directory

    build = Path(_get_build_directory("gsplat_cuda", verbose=False))
    with FileLock(build.with_name("gsplat_cuda.sharp.lock")):
        if not any((build / f"gsplat_cuda.{suffix}").exists() for suffix in ("so", "lib")):
            LOG.warning("compiling gsplat's CUDA kernels: this takes minutes, once")
        return importlib.import_module(name)._C


@cache
def check_gsplat() -> None:
    """Render one Gaussian: kernels may load and still not run, as when they were built for another GPU.

    Raises:
        SharpError: there is no CUDA device, or no working gsplat.
    """
    load_gsplat()
    one = torch.ones(1, 3)
    gaussians = {"means": one, "opacities": one[0, :1], "colors": one, "covars": torch.eye(3)[None]}
    try:
        color, _, _ = render_cuda(gaussians, torch.eye(4)[None], torch.eye(3)[None], 1, 1, eps2d=0.3, near=0.01, far=10)
        color.sum().item()
    except RuntimeError as error:
        raise _broken(f"gsplat does not run on this GPU: {_brief(error)}") from error


def _broken(message: str) -> SharpError:
    return SharpError(f"{message} ({REMEDY})", "no_device")


def _brief(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
