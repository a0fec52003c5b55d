"""Which number format the backbone computes in, and where its tensors lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn

from sharp_cli.errors import SharpError

if TYPE_CHECKING:
    from sharp_cli.model.network import SharpNetwork

Precision = Literal["auto", "fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
MATRICES = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def choose_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The backbone's dtype; ``auto`` is the fastest that stays faithful on the device.

    That is bf16 where the hardware has it, fp16 on older CUDA devices, otherwise fp32, the reference.
    Depth head, prediction heads and all that follows compute in fp32 whatever the choice.
    """
    if precision not in get_args(Precision):
        raise SharpError(f"There is no precision '{precision}'; choose one of {', '.join(get_args(Precision))}.")
    if precision != "auto":
        return DTYPES[precision]
    if has_native_bf16(device):
        return torch.bfloat16
    return torch.float16 if device.type == "cuda" else torch.float32


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
    placed = {name: tensor.to(device, wanted[name], copy=copy) for name, tensor in tensors.items()}
    network.load_state_dict({network_name(name): tensor for name, tensor in placed.items()}, strict=True, assign=True)
    network.backbone_dtype = dtype


def _backbone_matrices(network: SharpNetwork) -> set[str]:
    backbone = {"encoder": network.encoder, "depth_decoder": network.depth_decoder}
    backbone["gaussian_decoder"] = network.gaussian_decoder
    return {
        f"{part}.{name}.{kind}"
        for part, module in backbone.items()
        for name, child in module.named_modules()
        if isinstance(child, MATRICES)
        for kind in ("weight", "bias")
    }
