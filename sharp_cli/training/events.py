"""What a run reports while it works. It prints nothing itself: a listener gets these events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["train", "validation"]


@dataclass(frozen=True)
class Started:
    """The run starts, or resumes."""

    folder: Path
    """Where its results go."""
    step: int
    """Steps done before; 0 for a new run."""
    origin: str
    """Name or file of the initial weights; empty for random weights."""
    trainable: int
    """Number of values that are trained."""
    parameters: int
    """Number of values of the whole network."""


@dataclass(frozen=True)
class StepDone:
    """One more step is done."""

    step: int
    samples_per_s: float
    """Since the run started in this process, validation and saving included."""


@dataclass(frozen=True)
class Report:
    """Means of the steps since the last report, or the numbers of a validation."""

    kind: Kind
    step: int
    numbers: dict[str, float]


@dataclass(frozen=True)
class Stopped:
    """The run stopped early; training again in the same folder resumes it."""

    step: int


Event = Started | StepDone | Report | Stopped
Listener = Callable[[Event], None]
"""Called with every event, in the main process only."""


def ignore(event: Event) -> None:
    """The listener that does nothing."""
