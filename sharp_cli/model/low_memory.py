"""Running a network on a device that cannot hold it: each part is there only while it works."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import nn

from sharp_cli.model.network import SharpNetwork
from sharp_cli.runtime.transfers import page_locked

WINDOW_CHUNK = 5
"""Windows at a time through the patch encoder."""


def enable_low_memory(network: SharpNetwork, device: torch.device) -> None:
    """Keep the weights in main memory and run the network on ``device`` part by part, windows in chunks.

    The results are the same up to rounding. On the CPU only the chunks apply. For CUDA the weights are page-locked, if
    the system allows that: the device then fetches them by itself, and several times as fast.
    """
    network.encoder.patch_encoder.chunk = WINDOW_CHUNK
    if device.type == "cpu":
        return
    if any(parameter.device.type != "cpu" for parameter in network.parameters()):
        network.to("cpu")
    if device.type == "cuda":
        with suppress(RuntimeError):  # no more memory may be locked: what is left comes more slowly
            for parameter in network.parameters():
                parameter.data = page_locked(parameter.data, parameter.dtype)
    for part in (*network.encoder.children(), *network.children()):
        if part is not network.encoder:
            visit_for_calls(part, device)


def visit_for_calls(part: nn.Module, device: torch.device) -> None:
    """From now on the part lies on ``device`` during its calls only; between them it stays where it is."""
    home: list[tuple[nn.Module, str, nn.Parameter]] = []

    def enter(*_: Any) -> None:
        owned = [(module, *named) for module in part.modules() for named in module.named_parameters(recurse=False)]
        home.extend(owned)
        for module, name, parameter in owned:
            setattr(module, name, nn.Parameter(parameter.to(device, non_blocking=True), requires_grad=False))

    def leave(*_: Any) -> None:
        for module, name, parameter in home:
            setattr(module, name, parameter)
        home.clear()

    part.register_forward_pre_hook(enter)
    part.register_forward_hook(leave, always_call=True)
