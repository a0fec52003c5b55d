"""Counters and histograms in Prometheus' text format."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

BOUNDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Upper bounds of the histograms' buckets [s]."""

HELP = {
    "sharp_requests_total": "Requests answered, by route and status.",
    "sharp_jobs_total": "Jobs that ended, by status.",
    "sharp_refused_total": "Photos refused, by reason.",
    "sharp_worker_deaths_total": "Worker processes that ended while they worked.",
    "sharp_wait_seconds": "From the photo's arrival to its start.",
    "sharp_work_seconds": "From a job's start to its end.",
}


class Metrics:
    """What a service has done. Every name is one of :data:`HELP`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()

    def count(self, name: str, **labels: object) -> None:
        """Add one to a counter."""
        text = ",".join(f'{key}="{value}"' for key, value in labels.items())
        self._counts[name, f"{{{text}}}" if text else ""] += 1

    def observe(self, name: str, seconds: float) -> None:
        """Add a value to a histogram."""
        self._buckets.setdefault(name, [0] * (len(BOUNDS) + 1))[bisect_left(BOUNDS, seconds)] += 1
        self._sums[name] += seconds  # type: ignore[assignment]

    def text(self, gauges: Mapping[str, float]) -> str:
        """Everything, with the present values of ``gauges``."""
        lines: list[str] = []
        for name in sorted({name for name, _ in self._counts}):
            lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} counter"]
            lines += [f"{name}{labels} {n}" for (other, labels), n in sorted(self._counts.items()) if other == name]
        for name, buckets in self._buckets.items():
            lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} histogram"]
            below = 0
            for bound, number in zip((*BOUNDS, "+Inf"), buckets, strict=True):
                below += number
                lines.append(f'{name}_bucket{{le="{bound}"}} {below}')
            lines += [f"{name}_sum {self._sums[name]:.6f}", f"{name}_count {below}"]
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value}"]
        return "\n".join(lines) + "\n"


def resident_bytes() -> int | None:
    """Memory of this process now, where the system says it in /proc (Linux)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
