"""A record of a run as JSON, on disk from the first moment and never half written."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sharp_cli.batch.events import Listener, RunSummary
from sharp_cli.batch.task import Job, JobResult
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write
from sharp_cli.runtime.memory import no_collections
from sharp_cli.version import __version__

INTERVAL = 1.0
"""Seconds between two writes while results come in. A record that takes long to write is written less often."""


class Manifest(Listener):
    """What a run does with each input: ``pending``, ``made``, ``skipped`` or ``failed``, with facts and seconds.

    Paths are as they were named. Bytes of names that are not text become JSON escapes of lone surrogates, which
    ``os.fsencode`` turns back. ``state`` is ``running`` until the run ends; after a kill it stays so.

    Args:
        path: the file; None to keep the record in memory.

    Raises:
        SharpError: the file cannot be written, at the start or at the end.
    """

    @no_collections()
    def __init__(self, path: Path | None, command: str, settings: dict[str, Any], jobs: Sequence[Job]) -> None:
        self._path = path
        self._start = self._written = time.monotonic()
        self._cost = 0.0  # seconds of the last write
        self.record: dict[str, Any] = {
            "sharp": __version__,
            "command": command,
            "state": "running",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": 0.0,
            "settings": settings,
            "items": [{"input": str(j.source), "output": str(j.target), "status": "pending"} for j in jobs],
        }
        self._items = dict(zip(jobs, self.record["items"], strict=True))
        self._write()

    def ended(self, result: JobResult) -> None:
        """Record a result, and write the file if the last write is :data:`INTERVAL` ago."""
        self._items[result.job].update(result.record())
        if time.monotonic() - self._written > max(INTERVAL, 20 * self._cost):
            with suppress(SharpError):  # the results matter more than their record
                self._write()

    def closed(self, summary: RunSummary) -> None:
        """Write the record for the last time, with how and why the run ended."""
        self.record |= {"state": summary.state, "totals": summary.record()}
        if summary.problem:
            self.record["problem"] = str(summary.problem)
        self._write()

    def text(self) -> str:
        """The record as JSON, one input a line: a million of them are written by compiled code, and diffs are short."""
        head = json.dumps({**self.record, "items": []}, indent=1)
        items = ",\n".join(f"  {json.dumps(item)}" for item in self.record["items"])
        return head.replace('"items": []', f'"items": [\n{items}\n ]' if items else '"items": []', 1) + "\n"

    def _write(self) -> None:
        self._written = time.monotonic()
        self.record["seconds"] = round(self._written - self._start, 3)
        if self._path is None:
            return
        try:
            with atomic_write(self._path) as temporary:
                temporary.write_text(self.text(), encoding="ascii")
        except OSError as error:
            raise SharpError(f"cannot write {self._path}: {error.strerror or error}") from error
        self._cost = time.monotonic() - self._written
