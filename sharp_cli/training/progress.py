"""What a run shows while it works: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from sharp_cli.cli.display.live import Live, clock
from sharp_cli.training.config import TrainConfig


class Display(Live):
    """Follows a run on stderr; quiet, it shows nothing."""

    def __init__(self, config: TrainConfig, quiet: bool = False) -> None:
        super().__init__("training", config.steps, quiet)
        self._config = config
        self._start = (time.monotonic(), 0)

    def begin(self, step: int) -> None:
        """The run starts at this step."""
        self._start = (time.monotonic(), step)
        self.show(done=step)

    def stepped(self, step: int) -> None:
        """A step is done."""
        self.show(done=step, left=f"{self.rate(step):.2f} samples/s, {self._left(step)} left")

    def rate(self, step: int) -> float:
        """Samples a second since the run began in this process, validation and saving included."""
        begun, first = self._start
        return (step - first) * self._config.batch / max(time.monotonic() - begun, 1e-9)

    def numbers(self, kind: str, step: int, numbers: dict[str, float]) -> None:
        """Print a report of a step."""
        told = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        left = f", {self._left(step)} left" if kind == "train" else ""
        self.line(f"[{step}/{self._config.steps}] {kind}: {told}{left}")

    def _left(self, step: int) -> str:
        rate = self.rate(step)
        return clock((self._config.steps - step) * self._config.batch / rate) if rate else "?"
