"""A training run from its first step to its last, wherever it was stopped in between."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import remove_leftovers
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.data import Ordered, held_out, micro_batches, training_samples
from sharp_cli.training.distributed import World, join_world
from sharp_cli.training.events import Kind, Listener, Report, Started, StepDone, Stopped, ignore
from sharp_cli.training.freezing import freeze
from sharp_cli.training.initial import start_network
from sharp_cli.training.logs import Logs
from sharp_cli.training.phases import build_phase, picture_side
from sharp_cli.training.precision import choose_training_dtype
from sharp_cli.training.schedule import build_optimizer
from sharp_cli.training.signals import stop_signals
from sharp_cli.training.state import (
    CHECKPOINTS,
    State,
    export_weights,
    find_checkpoints,
    load_checkpoint,
    save_checkpoint,
)
from sharp_cli.training.step import take_step
from sharp_cli.training.validation import validate


def train(
    config: TrainConfig,
    folder: Path,
    device: torch.device,
    *,
    listener: Listener = ignore,
    stop: Callable[[int], bool] = lambda step: False,
) -> State:
    """Train, or go on with the run whose checkpoints the folder holds.

    A run that was stopped and goes on gives, on the CPU, the same weights to the last bit as one that was not. SIGINT
    and SIGTERM end it after the current step, with a checkpoint.

    Args:
        folder: gets ``checkpoints/``, ``weights.safetensors``, ``log.jsonl`` and, where wanted, ``tensorboard/``.
        listener: called with every event of the run, in the main process only.
        stop: asked after each step with the number of steps done; true ends the run as a signal would.

    Returns:
        The state at the end; ``state.step < config.steps`` if it was stopped.

    Raises:
        SharpError: what is needed is not there, does not fit, or a loss is not finite.
    """
    if folder.exists() and not folder.is_dir():
        raise SharpError(f"cannot train into {folder}: it is a file (choose a folder)")
    if device.type == "cpu":
        keep_freed_memory()
    with join_world(device, config.batch, config.micro_batch) as world, stop_signals() as stopped:
        state = start_state(config, world, folder)
        phase = build_phase(state.network, config, world.device).train()
        run = _Run(config, folder, world, state, phase, listener if world.is_main else ignore)
        run.announce()
        run.go_on(lambda: world.any(stopped.is_set() or stop(state.step)))
        return state


def start_state(config: TrainConfig, world: World, folder: Path) -> State:
    """The state that a run starts or goes on from."""
    network, origin = start_network(config)
    network.backbone_dtype = choose_training_dtype(config.precision, world.device)
    freeze(network, config)
    network.to(world.device)
    trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
    mean = {name: value.detach().clone() for name, value in trained.items()} if config.optimizer.ema else {}
    state = State(network, build_optimizer(network, config.optimizer), mean, origin)
    if world.is_main and (folder / CHECKPOINTS).is_dir():
        remove_leftovers(folder / CHECKPOINTS)
    if found := find_checkpoints(folder):
        load_checkpoint(found[-1], state, config)
    world.wait()  # before the main process may delete what others still look for
    return state


class _Run:
    """What the steps of a run share."""

    def __init__(
        self, config: TrainConfig, folder: Path, world: World, state: State, phase: nn.Module, emit: Listener
    ) -> None:
        self.config, self.folder, self.world, self.state = config, folder, world, state
        self.phase, self.emit = phase, emit
        size = picture_side(state.network, config)
        self.source: Ordered = training_samples(config, size)
        self.held_out, self.held_out_count = held_out(config, size)
        self.logs = Logs(folder, config, state.step) if world.is_main else None
        self.saved = state.step
        self.recent: dict[str, list[float]] = defaultdict(list)
        self.start_time, self.start_step = time.monotonic(), state.step

    def announce(self) -> None:
        """Report what is trained."""
        sizes = [(p.numel(), p.requires_grad) for p in self.state.network.parameters()]
        trainable, total = sum(n for n, trained in sizes if trained), sum(n for n, _ in sizes)
        self.emit(Started(self.folder, self.state.step, self.config.init, trainable, total))

    def go_on(self, ends: Callable[[], bool]) -> None:
        """Take the steps that are left, until ``ends`` says so after one of them."""
        state, config = self.state, self.config
        batches = micro_batches(self.source, config, self.world, state.step)
        wrapped = self.world.wrap(self.phase)
        self.start_time = time.monotonic()
        try:
            while state.step < config.steps:
                begun = time.monotonic()
                step = take_step(wrapped, state, batches, config, self.world, self.source)
                state.seconds += time.monotonic() - begun
                self.emit(StepDone(state.step, self.samples_per_s()))
                self.report(step.numbers, step.pictures)
                ended = ends()
                if ended or self.due(config.checkpoints.every):
                    self.save()
                if ended:
                    self.emit(Stopped(state.step))
                    return
            self.save()
        finally:
            batches.close()
            if self.logs:
                self.logs.close()

    def due(self, every: int) -> bool:
        return bool(every) and (self.state.step % every == 0 or self.state.step == self.config.steps)

    def report(self, numbers: dict[str, float], pictures: dict[str, Any]) -> None:
        """Log and show, as often as is wanted; validate."""
        step, log = self.state.step, self.config.log
        for name, value in numbers.items():
            self.recent[name].append(value)
        if self.due(log.every):
            means = {name: sum(values) / len(values) for name, values in self.recent.items()}
            self.recent.clear()
            self.report_numbers("train", {**means, "lr": numbers["lr"], "samples_per_s": self.samples_per_s()})
        if self.logs and self.due(log.pictures):
            self.logs.show(step, pictures)
        if self.due(log.validate) and self.held_out_count:
            if self.world.is_main:
                count = self.held_out_count
                self.report_numbers(
                    "validation", validate(self.phase, self.state, self.held_out, count, self.config, self.world)
                )
            self.world.wait()

    def samples_per_s(self) -> float:
        """Since the run started in this process, validation and saving included."""
        samples = (self.state.step - self.start_step) * self.config.batch
        return samples / max(time.monotonic() - self.start_time, 1e-9)

    def report_numbers(self, kind: Kind, numbers: dict[str, float]) -> None:
        if self.logs:
            self.logs.add(kind, self.state.step, numbers)
        self.emit(Report(kind, self.state.step, numbers))

    def save(self) -> None:
        """Checkpoint and weights, once a step."""
        if self.saved != self.state.step and self.world.is_main:
            save_checkpoint(self.folder, self.state, self.config)
            export_weights(self.folder, self.state, self.config)
        self.saved = self.state.step
