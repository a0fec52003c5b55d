"""Seconds per stage, and peak memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Stopwatch:
    """Adds up seconds per stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, on_device: bool = False) -> Iterator[None]:
        """Add the time of the ``with`` block to a stage.

        Args:
            on_device: wait for the CUDA device at both ends, so that its work counts.
        """
        start = _now(on_device)
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + _now(on_device) - start


def _now(on_device: bool) -> float:
    torch = sys.modules.get("torch")
    if on_device and torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_memory() -> dict[str, int]:
    """Peak memory so far [bytes]: ``process`` if the system reports it, ``cuda`` if CUDA is in use."""
    peaks = {}
    try:
        import resource  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        peaks["process"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    except ImportError:
        pass
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        peaks["cuda"] = torch.cuda.max_memory_allocated()
    return peaks
