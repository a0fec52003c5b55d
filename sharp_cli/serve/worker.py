"""A process that keeps something heavy loaded and answers requests. If it dies, the next request starts another."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any

from sharp_cli.errors import SharpError

Emit = Callable[[str], None]
"""Called with the name of the stage that begins."""

Handler = Callable[[Sequence[Any], Emit], "list[dict[str, Any] | SharpError]"]
"""Answers requests together: facts, or an error, for each."""


class WorkerDied(Exception):  # noqa: N818  an event, which the caller handles
    """The process ended, or was ended because it took too long, before it answered."""


class Worker:
    """A handler in a process of its own. Calls wait for each other.

    Args:
        make: makes the handler, inside the process; picklable.
        seconds: after which a call counts as stuck, and its process is ended.
    """

    def __init__(self, make: Callable[[], Handler], seconds: float = 900.0) -> None:
        self._make, self._seconds = make, seconds
        self._lock = Lock()
        self._process: Any = None
        self._connection: Connection | None = None
        self.starts = 0
        """Processes started so far."""

    @property
    def pid(self) -> int | None:
        """Of the process; None if there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process, if none is alive, and wait until its handler is made.

        Raises:
            SharpError: the handler cannot be made.
        """
        with self._lock:
            self._started()

    def call(self, requests: Sequence[Any], emit: Emit = lambda stage: None) -> list[dict[str, Any] | SharpError]:
        """Answer requests together.

        Raises:
            WorkerDied: the process ended.
            SharpError: its handler cannot be made.
        """
        with self._lock:
            connection = self._started()
            try:
                connection.send(list(requests))
                while True:
                    if not connection.poll(self._seconds):
                        raise EOFError
                    kind, value = connection.recv()
                    if kind == "answers":
                        return value
                    emit(value)
            except (EOFError, OSError) as error:
                self._end()
                raise WorkerDied from error

    def close(self) -> None:
        """End the process at once."""
        process = self._process  # not the lock: a call may be under way
        if process is not None:
            process.kill()

    def _started(self) -> Connection:
        if self._connection is not None and self._process.is_alive():
            return self._connection
        self._end()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        self._process.start()
        self.starts += 1
        theirs.close()
        self._connection = ours
        try:
            kind, value = ours.recv()
        except (EOFError, OSError) as error:
            self._end()
            raise SharpError("the worker ended while it was loading (is there enough memory?)") from error
        if kind == "failed":
            self._end()
            raise value
        return ours

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(connection: Connection, make: Callable[[], Handler]) -> None:
    """The process: make the handler, then answer until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent ends this process
    try:
        handler = make()
    except Exception as error:
        connection.send(("failed", _expected(error)))
        return
    connection.send(("ready", None))
    with suppress(EOFError, OSError):
        while True:
            requests = connection.recv()
            try:
                answers = handler(requests, lambda stage: connection.send(("stage", stage)))
            except Exception as error:
                answers = [_expected(error)] * len(requests)
            connection.send(("answers", answers))


def _expected(error: Exception) -> SharpError:
    """The error as one that can be sent, without what it holds on to."""
    if isinstance(error, SharpError):
        return SharpError(str(error), error.code)
    return SharpError(f"{type(error).__name__}: {error}", "unexpected")
