"""The progress of a training run on stderr: a bar on a terminal, and a line for each report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sharp_cli.cli.display.live import Live, clock
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.events import Event, Listener, Report, Started, StepDone, Stopped


@contextmanager
def show_training(config: TrainConfig, quiet: bool = False) -> Iterator[Listener]:
    """A listener for :func:`sharp_cli.training.loop.train`. The bar appears when the run starts."""
    with ExitStack() as stack:
        live = Live("training", config.steps, quiet)
        left = "?"

        def listen(event: Event) -> None:
            nonlocal left
            match event:
                case Started():
                    stack.enter_context(live)
                    live.line(_describe_start(event))
                    live.show(done=event.step)
                case StepDone(step, rate):
                    left = clock((config.steps - step) * config.batch / rate) if rate else "?"
                    live.show(done=step, left=f"{rate:.2f} samples/s, {left} left")
                case Report(kind, step, numbers):
                    values = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
                    ending = f", {left} left" if kind == "train" else ""
                    live.line(f"[{step}/{config.steps}] {kind}: {values}{ending}")
                case Stopped(step):
                    live.line(f"Stopped after step {step}. Run the same command to resume.")

        yield listen


def _describe_start(event: Started) -> str:
    start = f"resuming after step {event.step}" if event.step else f"from {event.origin or 'random weights'}"
    return f"Training {event.trainable:,} of {event.parameters:,} values in {event.folder}, {start}."
