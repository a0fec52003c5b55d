"""The records of several runs as one: of the shards of a batch, or of a run and those that resumed it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharp_cli.errors import SharpError

ORDER = ("pending", "failed", "skipped", "made")
"""Statuses of an input, from the least to the most that is known of its result."""


@dataclass
class RecordSummary:
    """What the records say together. Every input counts once, with the best that any record says of it."""

    records: int = 0
    running: list[str] = field(default_factory=list)
    """Records whose run has not ended, or was killed."""
    counts: Counter[str] = field(default_factory=Counter)
    """Inputs by status: ``made``, ``skipped`` (done before), ``failed``, ``pending``."""
    retries: int = 0
    """Attempts at an input after its first."""
    seconds: Counter[str] = field(default_factory=Counter)
    """Per stage, over all inputs and runs."""
    machine_seconds: float = 0.0
    """The runs' own time, added up."""
    failures: dict[str, str] = field(default_factory=dict)
    """Input → why it failed, for inputs that no run has made."""

    @property
    def is_complete(self) -> bool:
        """Whether every input has a result."""
        return not self.counts["failed"] and not self.counts["pending"]

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values."""
        seconds = {stage: round(spent, 3) for stage, spent in self.seconds.items()}
        counts = {status: self.counts[status] for status in reversed(ORDER)}
        rest = {"retries": self.retries, "seconds": seconds, "machine_seconds": round(self.machine_seconds, 3)}
        return {"records": self.records, "running": self.running, **counts, **rest, "failures": self.failures}


def summarize(paths: Iterable[Path]) -> RecordSummary:
    """Merge records of batch runs.

    Raises:
        SharpError: a file cannot be read or is not a record.
    """
    summary = RecordSummary()
    best: dict[str, str] = {}
    attempts: Counter[str] = Counter()
    for path in paths:
        record = _read(path)
        summary.records += 1
        if record.get("state") == "running":
            summary.running.append(str(path))
        summary.machine_seconds += record.get("seconds", 0.0)
        for item in record["items"]:
            source, status = item["input"], item["status"]
            best[source] = max(best.get(source, ORDER[0]), status, key=ORDER.index)
            if status in ("made", "failed"):
                attempts[source] += item.get("attempts", 1)
                summary.seconds.update(item.get("seconds", {}))
            if status == "failed":
                summary.failures[source] = item.get("reason", "")
    summary.counts.update(best.values())
    summary.retries = sum(count - 1 for count in attempts.values())
    summary.failures = {source: why for source, why in summary.failures.items() if best[source] == "failed"}
    return summary


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SharpError(f"cannot read {path}: it is not JSON (use a file that a batch wrote as its record)") from error
    items = record.get("items") if isinstance(record, dict) else None
    if not isinstance(items, list) or not all(_is_item(item) for item in items):
        raise SharpError(f"{path} is not the record of a batch")
    return record


def _is_item(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("input"), str) and item.get("status") in ORDER
