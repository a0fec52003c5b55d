"""Files that arrive in a folder, each once it is complete. Needs the extra ``watch``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event

from sharp_cli.errors import SharpError, install_extra
from sharp_cli.runtime.files import holds

Stamp = tuple[int, int]
"""Size and modification time [ns]."""


POLL = 300
"""Milliseconds after which the watcher comes back though nothing has happened; files become complete in silence."""


class Arrivals:
    """Which files are complete: those that have not changed for a while.

    Args:
        seconds: how long a file must stay the same.
    """

    def __init__(self, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._waiting: dict[Path, tuple[Stamp, float]] = {}
        self._given: dict[Path, Stamp] = {}

    def add(self, paths: Iterable[Path], now: float) -> None:
        """Note files that have changed, or may have."""
        for path in paths:
            stamp = _stamp(path)
            if stamp is None:
                self._waiting.pop(path, None)
            elif stamp != self._given.get(path) and self._waiting.get(path, (None, 0.0))[0] != stamp:
                self._waiting[path] = (stamp, now)

    def take(self, now: float) -> list[Path]:
        """The files that are complete by now, each once for each of its contents."""
        self.add(list(self._waiting), now)  # those that still grow start again
        ready = sorted(path for path, (_, since) in self._waiting.items() if now - since >= self._seconds)
        for path in ready:
            self._given[path] = self._waiting.pop(path)[0]
        return ready


def watch(folder: Path, suffixes: frozenset[str], stop: Event, seconds: float = 2.0) -> Iterator[list[Path]]:
    """Complete files below a folder: those that are there at first, then those that arrive or change.

    Args:
        suffixes: lower case, with the dot.
        stop: set it to end.
        seconds: how long a file must stay the same to count as complete.

    Raises:
        SharpError: watchfiles is not installed.
    """
    try:
        from watchfiles import watch as changes
    except ImportError:
        raise SharpError(f"watching needs watchfiles ({install_extra('watch')})") from None

    folder = folder.resolve()  # as the events name it

    def wanted(path: Path) -> bool:
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        return path.suffix.lower() in suffixes and not hidden

    arrivals = Arrivals(seconds)
    events = changes(folder, stop_event=stop, yield_on_timeout=True, rust_timeout=POLL)
    for number, event in enumerate(events):
        # The first event, a timeout if nothing happens, shows that the watcher works: nothing is missed from then on.
        paths = [folder] if number == 0 else [Path(path) for _, path in event]
        # What was written into a new folder before it was watched has no event of its own.
        paths += [below for path in paths if holds(path.is_dir) for below in path.rglob("*")]
        arrivals.add([path for path in paths if wanted(path) and holds(path.is_file)], time.monotonic())
        if ready := arrivals.take(time.monotonic()):
            yield ready


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if status.st_size else None
