"""Which number format the backbone computes in, and where its tensors lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn

from sharp_cli.errors import SharpError
from sharp_cli.runtime.transfers import send

if TYPE_CHECKING:
    from sharp_cli.model.network import SharpNetwork

Precision = Literal["auto", "fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
MATRICES = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def choose_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The backbone's dtype; ``auto`` is the fastest that stays faithful on the device.

    That is fp16 on CUDA, bf16 on CPUs that have it, otherwise fp32, the reference. On CUDA both take the same time, and
    depths in bf16 are 7 to 44 times less accurate; values too large for fp16 are rare (see
    :func:`change_backbone_dtype`). Depth head, prediction heads and all that follows compute in fp32 in any case.

    Raises:
        SharpError: no such precision.
    """
    if precision not in get_args(Precision):
        raise SharpError(f"unknown precision: {precision} (use {', '.join(get_args(Precision))})", "usage")
    if precision != "auto":
        return DTYPES[precision]
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if has_native_bf16(device) else torch.float32


def has_native_bf16(device: torch.device) -> bool:
    """Whether a GPU or this CPU multiplies bf16 in hardware; others only emulate it, slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def place_tensors(
    network: SharpNetwork, tensors: Mapping[str, Tensor], dtype: torch.dtype, device: torch.device
) -> None:
    """Fill an empty network with a checkpoint's tensors, each in its dtype on its device.

    The backbone's matrices and kernels take ``dtype``, everything else fp32. Tensors that are right
    already stay where they are, memory-mapped from their file.
    """
    from sharp_cli.model.checkpoint import network_name  # imports timm, for seconds that a choice of dtype needs not

    low = _backbone_matrices(network)
    wanted = {name: dtype if network_name(name) in low else torch.float32 for name in tensors}
    # One tensor left in the file's mapping would keep all of the file's pages in memory.
    copy = any(tensor.dtype != wanted[name] for name, tensor in tensors.items())
    if device.type == "cuda":
        named = ((name, tensor, wanted[name]) for name, tensor in tensors.items())
        placed = dict(send(named, device, _layout_on_cuda))
    else:
        placed = {name: tensor.to(device, wanted[name], copy=copy) for name, tensor in tensors.items()}
    network.load_state_dict({network_name(name): tensor for name, tensor in placed.items()}, strict=True, assign=True)
    network.backbone_dtype = dtype


def change_backbone_dtype(network: SharpNetwork, dtype: torch.dtype) -> None:
    """Turn a loaded network's backbone to another dtype.

    For results in fp16 that are not finite: its largest value is 65504, and bf16 has the range of fp32.
    """
    low = _backbone_matrices(network)
    with torch.inference_mode(False):  # parameters made in that mode could not be loaded into
        for name, parameter in network.named_parameters():
            if name in low:
                parameter.data = parameter.data.to(dtype)
    network.backbone_dtype = dtype


@contextmanager
def exact_products(wanted: bool) -> Iterator[None]:
    """Within the block, let CUDA compute fp32 as fp32, if wanted; afterward as before.

    By default cuDNN rounds the factors of fp32 convolutions to TF32, which has the 10 fraction bits of fp16. That costs
    1e-4 to 4e-4 of depth, so a network in fp32 goes without. If the backbone is in fp16 or bf16, whose own error is
    larger, the heads keep it: in exact fp32 they would take some ten times as long.
    """
    if not wanted:
        yield
        return
    switches = _tf32_switches()
    before = [getattr(owner, name) for owner, name, _ in switches]
    try:
        for owner, name, off in switches:
            setattr(owner, name, off)
        yield
    finally:
        for (owner, name, _), value in zip(switches, before, strict=True):
            setattr(owner, name, value)


def _tf32_switches() -> list[tuple[Any, str, Any]]:
    """Owner, name and off position of torch's switches for TF32. Those in use must be kept to: they do not mix."""
    backends: Any = torch.backends
    cudnn, matmul = backends.cudnn, backends.cuda.matmul
    try:
        _ = cudnn.allow_tf32, matmul.allow_tf32
    except RuntimeError:  # somebody has used the switches that came with torch 2.9
        return [(owner, "fp32_precision", "ieee") for owner in (cudnn.conv, cudnn.rnn, matmul)]
    return [(cudnn, "allow_tf32", False), (matmul, "allow_tf32", False)]


def _layout_on_cuda(tensor: Tensor) -> torch.memory_format:
    """Kernels of convolutions are stored channels last, where cuDNN is fastest with them."""
    return torch.channels_last if tensor.ndim == 4 else torch.contiguous_format


def _backbone_matrices(network: SharpNetwork) -> set[str]:
    backbone = {"encoder": network.encoder, "depth_decoder": network.depth_decoder}
    backbone["gaussian_decoder"] = network.gaussian_decoder
    if network.context is not None:
        backbone["context"] = network.context
    return {
        f"{part}.{name}.{kind}"
        for part, module in backbone.items()
        for name, child in module.named_modules()
        if isinstance(child, MATRICES)
        for kind in ("weight", "bias")
    }
