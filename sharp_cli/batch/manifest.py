"""A record of a run as JSON, on disk from the first moment and never half written."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sharp_cli.batch.pipeline import Job, Outcome
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write
from sharp_cli.version import __version__

INTERVAL = 1.0
"""Seconds between two writings while results come in; a record that takes long to write is written less often."""


class Manifest:
    """What a run does with each input: ``pending``, ``made``, ``skipped`` or ``failed``, with facts and seconds.

    Paths are as they were named; bytes of names that are not text stand as JSON escapes of lone surrogates, which
    ``os.fsencode`` turns back. ``state`` is ``running`` until :meth:`close`: after a kill it stays so.

    Args:
        path: the file; None for no file.

    Raises:
        SharpError: the file cannot be written, at the beginning or at the end.
    """

    def __init__(self, path: Path | None, command: str, settings: dict[str, Any], jobs: Sequence[Job]) -> None:
        self._path = path
        self._start = self._written = time.monotonic()
        self._cost = 0.0  # seconds of the last writing
        self._record: dict[str, Any] = {
            "sharp": __version__,
            "command": command,
            "state": "running",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": 0.0,
            "settings": settings,
            "items": [{"input": str(j.source), "output": str(j.target), "status": "pending"} for j in jobs],
        }
        self._items = dict(zip(jobs, self._record["items"], strict=True))
        self._write()

    def add(self, outcome: Outcome) -> None:
        """Record an outcome; written out when the last writing is :data:`INTERVAL` ago."""
        item = self._items[outcome.job]
        item |= {"status": outcome.status, **outcome.facts}
        if outcome.reason:
            item["reason"] = outcome.reason
        if outcome.seconds:
            item["seconds"] = {stage: round(spent, 4) for stage, spent in outcome.seconds.items()}
        if time.monotonic() - self._written > max(INTERVAL, 20 * self._cost):
            with suppress(SharpError):  # the results matter more than their record
                self._write()

    def close(self, state: str, totals: dict[str, Any], problem: str | None) -> dict[str, Any]:
        """Write the record for the last time, with how and why the run ended, and return it."""
        self._record |= {"state": state, "totals": totals}
        if problem:
            self._record["problem"] = problem
        self._write()
        return self._record

    def _write(self) -> None:
        self._written = time.monotonic()
        self._record["seconds"] = round(self._written - self._start, 3)
        if self._path is None:
            return
        try:
            with atomic_write(self._path) as temporary:
                temporary.write_text(json.dumps(self._record, indent=1) + "\n", encoding="ascii")
        except OSError as error:
            raise SharpError(f"{self._path} cannot be written: {error.strerror or error}.") from error
        self._cost = time.monotonic() - self._written
