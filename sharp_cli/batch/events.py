"""The events of a run for its listeners, and its summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from sharp_cli.batch.task import Job, JobResult
from sharp_cli.errors import SharpError
from sharp_cli.runtime.timing import peak_memory


@dataclass
class RunSummary:
    """What a run did, complete when the run ends."""

    total: int
    """Jobs."""
    state: Literal["running", "finished", "stopped", "interrupted"] = "running"
    """``finished``: every job was taken up. ``stopped``: by a failure that would hit every job, or by fail-fast."""
    problem: SharpError | None = None
    """What stopped the run, or kept its record from being written."""
    counts: Counter[str] = field(default_factory=Counter)
    """Jobs that were ``made``, ``skipped`` and ``failed``."""
    seconds: Counter[str] = field(default_factory=Counter)
    """Per stage, over all jobs."""
    setup_seconds: dict[str, float] = field(default_factory=dict)
    """Of what was done once."""
    gaussians: int = 0
    elapsed: float = 0.0
    """Seconds."""
    peak_memory: dict[str, int] = field(default_factory=dict)
    """Bytes, by kind."""
    _start: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        """Jobs that have ended."""
        return self.counts.total()

    def add(self, result: JobResult) -> None:
        """Count a job that has ended."""
        self.counts[result.status] += 1
        self.seconds.update(result.seconds)
        self.gaussians += result.facts.get("gaussians", 0)

    def close(self, state: Literal["finished", "stopped", "interrupted"]) -> None:
        """The run has ended."""
        self.state = state
        self.elapsed = time.monotonic() - self._start
        self.peak_memory = peak_memory()

    def record(self) -> dict[str, Any]:
        """The figures as JSON values."""
        seconds = {stage: round(spent, 3) for stage, spent in {**self.setup_seconds, **self.seconds}.items()}
        return {**self.counts, "gaussians": self.gaussians, "seconds": seconds, "peak_memory": self.peak_memory}


class Listener:
    """Receives the events of a run. They come from several threads, but never two at once."""

    def begun(self, job: Job) -> None:
        """A job has reached the stage that computes."""

    def announced(self, text: str) -> None:
        """A stage does something out of the ordinary, such as loading the network."""

    def progressed(self, job: Job, done: int, total: int) -> None:
        """A job that is worked on in parts has finished one more of them."""

    def ended(self, result: JobResult) -> None:
        """A job was made, skipped, or failed."""

    def closed(self, summary: RunSummary) -> None:
        """The run has ended, however it did. Raises SharpError if the listener could not finish its own work."""


def end_run(
    summary: RunSummary, state: Literal["finished", "stopped", "interrupted"], listeners: Iterable[Listener]
) -> None:
    """Complete the summary and give it to the listeners. What one of them cannot finish is the run's problem.

    Raises:
        Exception: a fault of a listener; the others have heard the end.
    """
    summary.close(state)
    fault: Exception | None = None
    for listener in listeners:
        try:
            listener.closed(summary)
        except SharpError as error:  # does not hide what ended the run
            summary.problem = summary.problem or error
        except Exception as error:
            fault = fault or error
    if fault is not None:
        raise fault
