"""A run as lines of JSON while it goes on (NDJSON), for programs that follow it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sharp_cli.batch.events import Listener, RunSummary
from sharp_cli.batch.task import Job, JobResult
from sharp_cli.version import __version__

INTERVAL = 1.0
"""Seconds between two lines on the progress of a job."""


class EventLines(Listener):
    """Writes a line for each event: ``started``, ``progress``, ``done``, ``failed`` and ``summary``.

    Every line is an object with ``event``. Paths are as they were named; bytes of names that are not text become JSON
    escapes of lone surrogates, which ``os.fsencode`` turns back.

    Args:
        write: takes a line with its end.
        total: jobs.
        clock: seconds.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        command: str,
        settings: dict[str, Any],
        total: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._clock = write, clock
        self._shown = -INTERVAL
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._line("started", sharp=__version__, command=command, time=now, total=total, settings=settings)

    def begun(self, job: Job) -> None:
        """The job is computed."""
        self._shown = self._clock()
        self._line("progress", input=str(job.source), done=0.0)

    def progressed(self, job: Job, done: int, total: int) -> None:
        """``done`` is the part of the job, 0..1."""
        if self._clock() - self._shown >= INTERVAL:
            self._shown = self._clock()
            self._line("progress", input=str(job.source), done=round(done / total, 3))

    def ended(self, result: JobResult) -> None:
        """``done`` for a job that was made or skipped, else ``failed`` with ``reason`` and ``code``."""
        job, event = result.job, "failed" if result.status == "failed" else "done"
        self._line(event, **{"input": str(job.source), "output": str(job.target), **result.record()})

    def closed(self, summary: RunSummary) -> None:
        """``summary``: how the run ended, the counts, and the seconds of each stage."""
        problem = {"problem": str(summary.problem)} if summary.problem else {}
        record = {**dict.fromkeys(("made", "skipped", "failed"), 0), **summary.record()}
        self._line("summary", state=summary.state, **record, elapsed=round(summary.elapsed, 3), **problem)

    def _line(self, event: str, **facts: Any) -> None:
        self._write(json.dumps({"event": event, **facts}) + "\n")
