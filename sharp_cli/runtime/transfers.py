"""Copies between main memory and a CUDA device that nobody waits for before they are needed.

A plain ``tensor.cpu()`` waits for all work that was queued on the device before it, such as the next photo's network.
A copy that is queued early, into page-locked memory, arrives while the device goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

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


IN_FLIGHT = 2
"""Tensors that :func:`send` holds in page-locked memory."""


def send(
    tensors: Iterable[tuple[str, Tensor, torch.dtype]],
    device: torch.device,
    layout: Callable[[Tensor], torch.memory_format],
) -> Iterator[tuple[str, Tensor]]:
    """Send named tensors to a CUDA device: while one travels, the next is read and converted to its dtype.

    torch keeps the page-locked memory of a tensor that has arrived for the next ones, so that it is little.

    Args:
        layout: the memory format that each should have there.
    """
    traveling: deque[torch.cuda.Event] = deque()
    for name, tensor, dtype in tensors:
        staged = page_locked(tensor, dtype, layout(tensor))
        yield name, staged.to(device, non_blocking=True)
        traveling.append(record_event(device))
        if len(traveling) == IN_FLIGHT:
            traveling.popleft().synchronize()


def page_locked(tensor: Tensor, dtype: torch.dtype, layout: torch.memory_format = torch.preserve_format) -> Tensor:
    """A copy in main memory that a CUDA device reads by itself, without the processor."""
    return torch.empty_like(tensor, dtype=dtype, memory_format=layout, pin_memory=True).copy_(tensor)


def record_event(device: torch.device) -> torch.cuda.Event:
    """An event that happens once the work queued so far on the device's current CUDA stream is done.

    Its ``synchronize()`` sleeps, instead of keeping a core busy.
    """
    event = torch.cuda.Event(blocking=True)
    event.record(torch.cuda.current_stream(device))
    return event
