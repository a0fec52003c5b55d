"""The options that all batch commands have, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BatchOptions:
    """The options of a run that do not change its results."""

    json_file: Path | None
    timings: bool
    fail_fast: bool
    quiet: bool
    debug: bool
