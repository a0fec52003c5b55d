"""What a run shows while it works: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from sharp_cli.training.config import TrainConfig


class Display(AbstractContextManager["Display"]):
    """Follows a run on stderr; quiet, it shows nothing."""

    def __init__(self, config: TrainConfig, quiet: bool = False) -> None:
        self._config, self._quiet = config, quiet
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        live = self._console.is_terminal and not quiet
        self._progress = Progress(*columns, console=self._console, transient=True, disable=not live)
        self._task = self._progress.add_task("training", total=config.steps, left="")
        self._start = (time.monotonic(), 0)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, step: int) -> None:
        """The run starts at this step."""
        self._start = (time.monotonic(), step)
        self._progress.update(self._task, completed=step)

    def stepped(self, step: int) -> None:
        """A step is done."""
        self._progress.update(
            self._task, completed=step, left=f"{self.rate(step):.2f} samples/s, {self._left(step)} left"
        )

    def rate(self, step: int) -> float:
        """Samples a second since the run began in this process, validation and saving included."""
        begun, first = self._start
        return (step - first) * self._config.batch / max(time.monotonic() - begun, 1e-9)

    def numbers(self, kind: str, step: int, numbers: dict[str, float]) -> None:
        """Print a report of a step."""
        told = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        left = f", {self._left(step)} left" if kind == "train" else ""
        self.line(f"[{step}/{self._config.steps}] {kind}: {told}{left}")

    def line(self, text: str) -> None:
        """One line above the live display."""
        if not self._quiet:
            self._console.print(text, markup=False)

    def _left(self, step: int) -> str:
        rate = self.rate(step)
        if not rate:
            return "?"
        seconds = round((self._config.steps - step) * self._config.batch / rate)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
