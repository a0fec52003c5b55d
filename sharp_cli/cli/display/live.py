"""What a long command shows on stderr: one bar on a terminal, and lines of text there and elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from sharp_cli.cli.display.plain import plain

if TYPE_CHECKING:
    from typing import Self


PLAIN_SECONDS = 10.0
"""Without a terminal: how long nothing is printed while the work goes on."""


class Live:
    """A bar that follows work of known length, with lines above it; where no terminal is, a line every few seconds.

    Args:
        doing: the bar's text at first.
        total: how many there are to do.
        quiet: no bar, and no lines but those that are always printed.
        clock: seconds.
    """

    def __init__(
        self, doing: str, total: int, quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.quiet, self._clock = quiet, clock
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=quiet or not self.console.is_terminal,
        )
        self._task = self._progress.add_task(doing, total=total, left="")
        self._plain = not quiet and not self.console.is_terminal
        self._doing, self._left, self._said = doing, "", clock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def show(self, *, doing: str | None = None, done: float | None = None, left: str | None = None) -> None:
        """Change the bar: its text, how many are done, and what is said of the rest."""
        fields: dict[str, Any] = {} if left is None else {"left": left}
        self._progress.update(self._task, description=doing, completed=done, **fields)
        self._doing, self._left = doing or self._doing, self._left if left is None else left
        if self._plain and self._clock() - self._said >= PLAIN_SECONDS:
            self.line(", ".join(part for part in (self._doing, self._left) if part))

    def line(self, text: str, style: str = "", *, always: bool = False) -> None:
        """One line above the bar."""
        self._said = self._clock()
        if always or not self.quiet:
            self.console.print(Text(plain(text), style))

    def stop(self) -> None:
        """Take the bar away."""
        if not self._progress.disable:  # rich before 14.3 ends even a bar that it never showed with an empty line
            self._progress.stop()


def clock(seconds: float) -> str:
    """m:ss, or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
