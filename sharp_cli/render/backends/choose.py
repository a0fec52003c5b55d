"""Which backend renders: the one place that decides, and that falls back from CUDA to the CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Literal

import torch

from sharp_cli.errors import SharpError

LOG = logging.getLogger(__name__)


def choose_backend(
    device: str | torch.device = "auto", *, warn: Callable[[str], None] = LOG.warning
) -> Literal["cpu", "cuda", "webgpu"]:
    """The rasterizer backend for a device.

    Args:
        device: "cpu"; "cuda"; "webgpu", on software too; or "auto": CUDA if a device is there and gsplat runs on it,
            WebGPU if there is no CUDA device but another GPU, else the CPU. Other devices of torch, such as "mps",
            render on the CPU.
        warn: gets a sentence if "auto" leaves a CUDA device unused because gsplat does not run; by default it is
            logged, once.

    Raises:
        SharpError: "cuda" or "webgpu", and there is no device, or its package does not work.
    """
    kind = device.type if isinstance(device, torch.device) else device.partition(":")[0]
    if kind == "cuda":
        _check_cuda()
        return "cuda"
    if kind == "webgpu":
        from sharp_cli.render.backends.webgpu.device import open_gpu

        open_gpu()
        return "webgpu"
    if kind != "auto":
        return "cpu"
    if not torch.cuda.is_available():
        from sharp_cli.render.backends.webgpu.device import has_gpu

        return "webgpu" if has_gpu() else "cpu"
    reason = _cuda_fault()
    if reason is None:
        return "cuda"
    if warn is LOG.warning:
        _log_once(reason)
    else:
        warn(f"rendering on the CPU: {reason}")
    return "cpu"


def _check_cuda() -> None:
    from sharp_cli.render.backends.cuda import check_gsplat

    check_gsplat()


def _cuda_fault() -> str | None:
    """Why CUDA does not render here; None if it does."""
    try:
        _check_cuda()
    except SharpError as error:
        return str(error)
    return None


@cache
def _log_once(reason: str) -> None:
    LOG.warning("rendering on the CPU: %s", reason)
