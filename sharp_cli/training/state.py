"""All that a training run is at a step: in memory, in its checkpoints, and as the weights it exports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import torch
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.model.checkpoint import checkpoint_name
from sharp_cli.model.network import SharpNetwork
from sharp_cli.runtime.files import atomic_write
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.configfile import as_table, build
from sharp_cli.training.schedule import Optimizers
from sharp_cli.version import __version__
from sharp_cli.weights.write import write_weights

CHECKPOINTS, WEIGHTS = "checkpoints", "weights.safetensors"

FREE = ("steps", "log", "checkpoints", "data.workers")
"""What may differ when a run goes on: nothing else of a step's result depends on them but the learning rate, whose
schedule ends at ``steps``."""


@dataclass
class State:
    """There is no random state in it: every draw is made from a sample's number, and those follow from the step."""

    network: SharpNetwork
    optimizer: Optimizers
    mean: dict[str, Tensor]
    """Moving mean of the trained weights by the network's names; empty where none is wanted."""
    origin: dict[str, Any]
    """Record of the weights that the run started from."""
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Of training, over all parts of the run."""


def save_checkpoint(folder: Path, state: State, config: TrainConfig) -> None:
    """Write a checkpoint that is whole or not there at all, and delete the oldest beyond ``checkpoints.keep``."""
    stored = {
        "step": state.step,
        "seconds": state.seconds,
        "config": as_table(config),
        "origin": state.origin,
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "mean": state.mean,
    }
    path = folder / CHECKPOINTS / f"step-{state.step:08}.pt"
    try:
        with atomic_write(path) as temporary:
            torch.save(stored, temporary)
        for old in find_checkpoints(folder)[: -config.checkpoints.keep]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise SharpError(f"cannot write the checkpoint {path}: {error.strerror or error}") from error


def find_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints of a run, oldest first."""
    return sorted((folder / CHECKPOINTS).glob("step-*.pt"))


def load_checkpoint(path: Path, state: State, config: TrainConfig) -> None:
    """Bring a state back to where a checkpoint was written.

    Raises:
        SharpError: the file is damaged, or was written by a run of another configuration.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        before = as_table(build(TrainConfig, stored["config"], ""))  # with the defaults of fields that came later
    except Exception as error:  # torch raises many types for damaged files
        raise SharpError(
            f"cannot read the checkpoint {path}: {error} (delete it to resume from an earlier one)"
        ) from error
    if changed := sorted(_differences(before, as_table(config))):
        raise SharpError(
            f"cannot resume {path}: it has another {', '.join(changed)} "
            "(resume with the old values, or start a new run with init=WEIGHTS in another folder)"
        )
    with restoring(path, "delete it to resume from an earlier one"):
        state.network.load_state_dict(stored["network"])
        state.optimizer.load_state_dict(stored["optimizer"])
        for name, tensor in stored["mean"].items():
            state.mean[name].copy_(tensor)
        state.origin, state.step, state.seconds = stored["origin"], int(stored["step"]), float(stored["seconds"])


@contextmanager
def restoring(path: Path, remedy: str) -> Iterator[None]:
    """Within the block, values of a checkpoint take their places; errors become one about the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise SharpError(f"cannot resume {path}: it holds something else: {reason} ({remedy})") from error


def _differences(a: dict[str, Any], b: dict[str, Any], where: str = "") -> Iterator[str]:
    for key in a.keys() | b.keys():
        name, old, new = where + key, a.get(key), b.get(key)
        if name in FREE or old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{name}.")
        else:
            yield name


@contextmanager
def mean_weights(state: State) -> Iterator[None]:
    """For its duration the network has the moving mean in the place of its weights, if there is one."""
    parameters = dict(state.network.named_parameters())
    own = {name: parameters[name].detach().clone() for name in state.mean}
    try:
        for name, tensor in state.mean.items():
            parameters[name].data.copy_(tensor)
        yield
    finally:
        for name, tensor in own.items():
            parameters[name].data.copy_(tensor)


def without_folders(value: Any) -> Any:
    """Files of a configuration by their names alone: weights are passed on, and folders name people."""
    if isinstance(value, dict):
        return {key: without_folders(each) for key, each in value.items()}
    return PurePath(value).name if isinstance(value, str) else value


def export_weights(folder: Path, state: State, config: TrainConfig) -> Path:
    """Write the run's ``weights.safetensors``, with how they came about in its record."""
    path = folder / WEIGHTS
    training = {
        "steps": state.step,
        "samples": state.step * config.batch,
        "seconds": round(state.seconds),
        "config": without_folders(as_table(config)),
    }
    with mean_weights(state):
        write_trained(path, state.network, state.origin, folder.resolve().name, training)
    return path


def write_trained(
    path: Path, network: SharpNetwork, origin: dict[str, Any], name: str, training: dict[str, Any]
) -> None:
    """Write a network's weights with the record of those it started from, and this training after theirs.

    Args:
        origin: record of the weights that the training started from; empty for random values.
        name: what the weights are called.
        training: JSON values: steps, samples, seconds, config.

    Raises:
        SharpError: the file cannot be written.
    """
    entry = {"made_by": f"sharp-cli {__version__}", **training}
    record = {**origin, "name": name, "training": [*origin.get("training", []), entry]}
    tensors = {checkpoint_name(key): tensor for key, tensor in network.state_dict().items()}
    write_weights(path, tensors, network.config, record)
