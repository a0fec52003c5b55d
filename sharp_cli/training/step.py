"""One step of training: micro-batches through the network, gradients summed up, weights moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sharp_cli.datasets.view_pair import PairBatch
from sharp_cli.errors import SharpError
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.data import Ordered, Samples
from sharp_cli.training.distributed import World
from sharp_cli.training.phases import StepOutput
from sharp_cli.training.schedule import learning_rate, mean_decay, update_mean
from sharp_cli.training.state import State


class Step(NamedTuple):
    """What a step reports; means over the whole batch."""

    numbers: dict[str, float]
    """``loss``, its terms, ``lr`` and ``gradient``, the gradient's length before clipping."""
    pictures: dict[str, Tensor]
    """Of the last micro-batch of this process."""


def take_step(
    phase: nn.Module, state: State, batches: Iterator[Samples], config: TrainConfig, world: World, source: Ordered
) -> Step:
    """Move the weights once; ``state.step`` counts up.

    Raises:
        SharpError: a loss or gradient that is not finite; names the samples.
    """
    rate = learning_rate(state.step, config.steps, config.optimizer)
    state.optimizer.zero_grad()

    count = config.batch // config.micro_batch // world.size
    words: dict[str, Tensor] = {}
    seen: list[int] = []
    for micro in range(count):
        samples = next(batches)
        seen += samples.numbers.tolist()
        # Gradients travel between processes once a step, with the last micro-batch.
        quiet = phase.no_sync() if world.size > 1 and micro < count - 1 else nullcontext()  # type: ignore[operator]
        with quiet:
            outcome: StepOutput = phase(to_device(samples.batch, world.device), samples.numbers)
            if not outcome.loss.isfinite():
                raise SharpError(
                    _not_finite("loss", state.step, outcome.terms, source.describe(samples.numbers.tolist()))
                )
            (outcome.loss / count).backward()
        for name, value in {"loss": outcome.loss.detach(), **outcome.terms}.items():
            words[name] = words.get(name, 0.0) + value / count

    trained = [parameter for parameter in state.network.parameters() if parameter.grad is not None]
    limit = config.optimizer.clip or torch.inf
    length = nn.utils.clip_grad_norm_(trained, limit)
    if not length.isfinite():
        raise SharpError(_not_finite("gradient", state.step, words, source.describe(seen)))
    state.optimizer.step(rate)
    if state.mean:
        update_mean(state.mean, state.network.named_parameters(), mean_decay(state.step, config.optimizer.ema))
    state.step += 1

    means = world.mean(torch.stack([value.float() for value in words.values()])).tolist()
    numbers = {**dict(zip(words, means, strict=True)), "lr": rate, "gradient": length.item()}
    return Step(numbers, outcome.pictures)


def to_device(batch: PairBatch, device: torch.device) -> PairBatch:
    """The batch where the network is."""
    return PairBatch(*(tensor.to(device, non_blocking=True) for tensor in batch))


def _not_finite(what: str, step: int, terms: dict[str, Tensor], samples: str) -> str:
    values = ", ".join(f"{name} {value.item():.4g}" for name, value in terms.items())
    return f"step {step + 1}: the {what} is not finite: {values}, on {samples} (try a lower lr or a stronger clip)"
