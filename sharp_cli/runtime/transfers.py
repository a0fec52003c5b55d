"""Copies from a CUDA device to main memory that nobody waits for before they are needed.

A plain ``tensor.cpu()`` waits for all work that was queued on the device before it, such as the next photo's network.
A copy that is queued early, into page-locked memory, arrives while the device goes on.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def start_copy(values: Tensor) -> Callable[[], Tensor]:
    """Begin to copy a tensor to main memory; nobody waits for copies from a CUDA device.

    Args:
        values: any tensor; its memory may be used again at once, but only by work on the current stream.

    Returns:
        A function that waits for this copy alone, in whichever thread, and gives the tensor on the CPU; of what is on
        the CPU already, the tensor itself.
    """
    if values.device.type != "cuda":
        there = values.cpu()
        return lambda: there
    landing = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    landing.copy_(values, non_blocking=True)
    arrived = record_event(values.device)

    def wait() -> Tensor:
        arrived.synchronize()
        return landing

    return wait


def record_event(device: torch.device) -> torch.cuda.Event:
    """An event that happens once the work queued so far on the device's current CUDA stream is done.

    Its ``synchronize()`` sleeps, instead of keeping a core busy.
    """
    event = torch.cuda.Event(blocking=True)
    event.record(torch.cuda.current_stream(device))
    return event
