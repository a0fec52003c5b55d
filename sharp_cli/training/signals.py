"""SIGINT and SIGTERM as a wish to stop after the current step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = ("SIGINT", "SIGTERM")

_events: list[threading.Event] = []
"""That of the outermost :func:`stop_signals`, while there is one."""


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set instead of ending the process; a second SIGINT ends it.

    Within another one, it is the same event: what runs several trainings sees that one of them was stopped, even in
    its last step.
    """
    if threading.current_thread() is not threading.main_thread():
        yield threading.Event()
        return
    if _events:
        yield _events[0]
        return
    stopped = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if stopped.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopped.set()

    before = {name: signal.signal(getattr(signal, name), note) for name in SIGNALS}
    _events.append(stopped)
    try:
        yield stopped
    finally:
        _events.clear()
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
