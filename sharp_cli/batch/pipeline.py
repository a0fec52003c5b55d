"""Three stages on three threads: the next input is read and the last result written while the middle stage works."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any, Generic, Literal, TypeVar

from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import DISK_FULL, PREFIX

Item = TypeVar("Item")
Result = TypeVar("Result")

READ_AHEAD = 2
"""Inputs in the reader's hands: the one that is needed next, and the one to read meanwhile."""

BEHIND = 10
"""Niceness of reading and writing: a thread that computes waits for the slowest of those it shares its work with."""

WRITE_BEHIND = 2
"""Results that may wait for the disk before the middle stage does."""


@dataclass(frozen=True)
class Job:
    """One input and the file it becomes."""

    source: Path
    target: Path
    problem: str | None = None
    """Why there is nothing to do, where that is known beforehand."""


@dataclass
class Outcome:
    """What became of a job; stages note facts and seconds in it."""

    job: Job
    status: Literal["made", "skipped", "failed"] = "made"
    reason: str | None = None
    """Why it failed, in one sentence."""
    error: Exception | None = None
    note: str | None = None
    """What a user should know of the result, in a few words."""
    facts: dict[str, Any] = field(default_factory=dict)
    """JSON values."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Per stage."""
    stop: Event = field(default_factory=Event)
    """Set when the run ends early: what takes long should be given up."""


class Done(Exception):  # noqa: N818  no error
    """Raised by the reading stage for a job that an earlier run has done."""


class StopRun(SharpError):  # noqa: N818  what it does
    """What keeps this job from being done would keep the others from it too: the run ends, and can be started again."""


@dataclass(frozen=True)
class Stages(Generic[Item, Result]):
    """What happens to a job, in this order. Each stage may raise SharpError or OSError, which fails the job alone."""

    read: Callable[[Outcome], Item]
    """In a thread of its own, ahead of the others; raises :class:`Done` where nothing is to do."""
    compute: Callable[[Outcome, Item], Result]
    """In the calling thread."""
    write: Callable[[Outcome, Item, Result], None]
    """In a thread of its own."""


def run(
    jobs: Iterable[Job],
    stages: Stages[Item, Result],
    *,
    begun: Callable[[Job], None],
    ended: Callable[[Outcome], None],
    fail_fast: bool = False,
) -> None:
    """Work through jobs, one after the other in each stage.

    A job that fails does not stop the others. On Ctrl-C no further job begins, and results that wait for the disk
    are written before this returns.

    Args:
        begun: called when the middle stage takes up a job.
        ended: called with each job's outcome as soon as it is known; from several threads, but never at once.
        fail_fast: end after the first job that failed.

    Raises:
        StopRun: a stage raised it, or the disk is full; that job has no outcome, like those after it.
    """
    lock, stop = Lock(), Event()
    stopped_by: list[StopRun] = []

    def end(outcome: Outcome) -> None:
        if isinstance(outcome.error, StopRun):
            stopped_by.append(outcome.error)
            stop.set()
            return
        with lock:
            ended(outcome)
        if fail_fast and outcome.status == "failed":
            stop.set()

    def read(outcome: Outcome) -> Item:
        if outcome.job.problem:
            raise SharpError(outcome.job.problem)
        return stages.read(outcome)

    def write(outcome: Outcome, item: Item, result: Result) -> None:
        _attempt(outcome, stages.write, item, result)
        end(outcome)

    reader, writer = (ThreadPoolExecutor(1, initializer=_step_back) for _ in range(2))
    reading: deque[tuple[Outcome, Future[Item | None]]] = deque()
    writing: deque[Future[None]] = deque()
    to_read = iter(jobs)
    try:
        while not stop.is_set():
            while len(reading) < READ_AHEAD and (job := next(to_read, None)) is not None:
                outcome = Outcome(job, stop=stop)
                reading.append((outcome, reader.submit(_attempt, outcome, read)))
            if not reading:
                break
            outcome, future = reading.popleft()
            begun(outcome.job)
            item = future.result()
            del future
            result = None if item is None else _attempt(outcome, stages.compute, item)
            if item is None or result is None:
                end(outcome)
                continue
            writing.append(writer.submit(write, outcome, item, result))
            del item, result
            while len(writing) > WRITE_BEHIND:
                writing.popleft().result()
    except BaseException:
        stop.set()
        raise
    finally:
        reader.shutdown(wait=False, cancel_futures=True)
        writer.shutdown(wait=True)
    if stopped_by:
        raise stopped_by[0]


def _step_back() -> None:
    """Leave the cores to the middle stage and take what it does not use; only Linux knows priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid even that
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(BEHIND, os.nice(0)))


def _attempt(outcome: Outcome, stage: Callable[..., Any], *arguments: Any) -> Any:
    """A stage's result, or None and the reason in the outcome."""
    try:
        return stage(outcome, *arguments)
    except Done:
        outcome.status = "skipped"
    except Exception as error:
        outcome.status, outcome.error = "failed", error
        outcome.reason = str(error)
        if isinstance(error, OSError):
            target = outcome.job.target
            named = error.filename if error.filename and PREFIX not in str(error.filename) else target
            outcome.reason = f"{named} cannot be written: {error.strerror or error}."
            if error.errno in DISK_FULL:
                outcome.error = StopRun(f"There is no space left for {target}; once there is, start again to go on.")
        elif not isinstance(error, SharpError):
            outcome.reason = f"{outcome.job.source}: {type(error).__name__}: {error}"
    return None
