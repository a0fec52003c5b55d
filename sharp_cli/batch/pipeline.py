"""Three stages on three threads: the next input is read and the last result written while the middle stage computes."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Event, RLock
from typing import Any, Generic

from sharp_cli.batch.events import Listener, RunSummary, end_run
from sharp_cli.batch.task import Item, Job, JobResult, Output, StopRun, Task, Work
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import DISK_FULL, PREFIX
from sharp_cli.runtime.memory import may_be_out_of_memory

READ_AHEAD = 2
"""Inputs that the reader holds: the one needed next, and the one it reads meanwhile."""

NICENESS = 10
"""Of reading and writing. Threads that compute together wait for the slowest, so reading must not take their cores."""

WRITE_BEHIND = 2
"""Results that may wait for the disk before the middle stage waits too."""

_ENDED: Any = object()
"""In place of a stage's value: the job goes no further."""


def run(
    jobs: Sequence[Job],
    task: Task[Item, Output],
    listeners: Iterable[Listener] = (),
    *,
    fail_fast: bool = False,
) -> RunSummary:
    """Work through jobs, one after the other in each stage.

    A job that fails does not stop the others. On Ctrl-C no further job begins, and results that wait for the disk are
    written; then the listeners hear that the run has ended, and KeyboardInterrupt goes on.

    Args:
        fail_fast: stop after the first job that fails.

    Returns:
        The summary. Its ``problem`` is what stopped the run: a stage raised :class:`StopRun`, or the disk is full. That
        job has no result, like those after it.

    Raises:
        Exception: what a listener raised, in whatever thread. It ends the run; results that wait for the disk are
            written.
    """
    current = _Run(task, RunSummary(len(jobs)), tuple(listeners), fail_fast)
    try:
        current.work_through(iter(jobs))
    except _ListenerFailed as failed:
        with suppress(Exception):  # what came first is what is raised
            current.close("stopped")
        raise failed.error from None
    except BaseException:
        current.close("interrupted")
        raise
    current.close("finished" if current.summary.done == len(jobs) and not current.summary.problem else "stopped")
    return current.summary


class _ListenerFailed(BaseException):
    """A listener raised an error: no job's fault, so no stage may take it for its own."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Run(Generic[Item, Output]):
    """One call of :func:`run`."""

    def __init__(
        self, task: Task[Item, Output], summary: RunSummary, listeners: tuple[Listener, ...], fail_fast: bool
    ) -> None:
        self.task, self.summary, self.listeners, self.fail_fast = task, summary, listeners, fail_fast
        self.stop = Event()
        self._lock = RLock()

    def work_through(self, jobs: Any) -> None:
        """The middle stage, between a reading and a writing thread."""
        reader, writer = (ThreadPoolExecutor(1, initializer=_lower_priority) for _ in range(2))
        reading: deque[tuple[Work, Future[Item]]] = deque()
        writing: deque[Future[None]] = deque()
        try:
            while not self.stop.is_set():
                while len(reading) < READ_AHEAD and (job := next(jobs, None)) is not None:
                    work = self._work(job)
                    reading.append((work, reader.submit(_attempt, work, self._read, doing="read")))
                if not reading:
                    break
                work, future = reading.popleft()
                item = future.result()
                del future
                output = self._compute(work, item)
                if output is _ENDED:
                    self._end(work.result)
                else:
                    writing.append(writer.submit(self._write, work, item, output))
                del item, output
                while len(writing) > WRITE_BEHIND:
                    writing.popleft().result()
            while writing:
                writing.popleft().result()
        except BaseException:
            self.stop.set()
            raise
        finally:
            reader.shutdown(wait=False, cancel_futures=True)
            writer.shutdown(wait=True)

    def close(self, state: Any) -> None:
        """Complete the summary and give it to the listeners."""
        self.summary.setup_seconds = self.task.setup_seconds
        end_run(self.summary, state, self.listeners)

    def _work(self, job: Job) -> Work:
        return Work(
            job,
            JobResult(job),
            progress=lambda done, total: self._emit("progressed", job, done, total),
            announce=lambda text: self._emit("announced", text),
            stop=self.stop,
        )

    def _read(self, work: Work) -> Any:
        if work.job.problem:
            raise SharpError(work.job.problem)
        work.missing = self.task.status(work.job)
        if work.missing:
            return self.task.read(work)
        work.result.status = "skipped"
        return _ENDED

    def _compute(self, work: Work, item: Item) -> Any:
        if item is _ENDED:
            return _ENDED
        self._emit("begun", work.job)
        output = _attempt(work, self.task.compute, item)
        if output is _ENDED and work.result.code == "out_of_memory":  # every job takes this stage the same memory
            work.result.error = StopRun(str(work.result.error), "out_of_memory")
        return output

    def _write(self, work: Work, item: Item, output: Output) -> None:
        _attempt(work, self.task.write, item, output)
        self._end(work.result)

    def _end(self, result: JobResult) -> None:
        if isinstance(result.error, StopRun):
            self.summary.problem = self.summary.problem or result.error
            self.stop.set()
            return
        with self._lock:
            self.summary.add(result)
            self._emit("ended", result)
        if self.fail_fast and result.status == "failed":
            self.stop.set()

    def _emit(self, event: str, *arguments: Any) -> None:
        with self._lock:
            for listener in self.listeners:
                try:
                    getattr(listener, event)(*arguments)
                except Exception as error:
                    raise _ListenerFailed(error) from error


def _attempt(work: Work, stage: Callable[..., Any], *arguments: Any, doing: str = "write") -> Any:
    """A stage's value; if it fails, the reason is in the result.

    Args:
        doing: what an error of the system that names no file is about.
    """
    try:
        return stage(work, *arguments)
    except Exception as error:
        _explain(work, error, doing)
        return _ENDED


def _explain(work: Work, error: Exception, doing: str) -> None:
    """Note why a job failed."""
    result, job = work.result, work.job
    result.status, result.error, result.reason = "failed", error, str(error)
    if isinstance(error, OSError) and error.errno != errno.ENOMEM:
        named = error.filename if error.filename and PREFIX not in str(error.filename) else None
        named = named or (job.target if doing == "write" else job.source)
        result.reason = f"cannot {doing} {named}: {error.strerror or error}"
        if error.errno in DISK_FULL:
            result.error = StopRun(f"no space left for {named} (free some and start again to continue)", "disk_full")
    elif not isinstance(error, SharpError) and may_be_out_of_memory(error):
        result.error = StopRun(f"not enough memory for {result.job.source} (close other programs)", "out_of_memory")
        result.reason = str(result.error)
    elif not isinstance(error, SharpError):
        result.reason = f"{result.job.source}: {type(error).__name__}: {error}"


def _lower_priority() -> None:
    """Leave the cores to the middle stage and use what it does not. Only Linux has priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid even that
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(NICENESS, os.nice(0)))
