"""The mean of two weights files: what a training taught, without all that it cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from sharp_cli.errors import SharpError
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.initial import start_network
from sharp_cli.training.state import WEIGHTS, without_folders, write_trained


@dataclass(frozen=True)
class MixConfig:
    """Weights, and those that they were trained from."""

    recipe: Literal["mix"] = "mix"
    init: str = ""
    """Known weights' name or a weights file."""
    other: str = "preview"
    """Known weights' name or a weights file of the same sizes: in most cases what ``init`` was trained from."""
    share: float = 0.5
    """Of ``init`` in the mean, 0..1."""

    def __post_init__(self) -> None:
        if not self.init:
            raise SharpError("invalid mix settings: init is missing (choose weights, such as RUN/weights.safetensors)")
        if not 0 <= self.share <= 1:
            raise SharpError(f"invalid mix settings: share must be in 0..1, not {self.share}")


@torch.no_grad()
def mix_weights(config: MixConfig, folder: Path, log: Callable[[str], None]) -> Path:
    """Write ``weights.safetensors``, with the record of ``init``, and return the file.

    Raises:
        SharpError: weights that cannot be found, differ in size, or cannot be written.
    """
    network, origin = start_network(TrainConfig(init=config.init))
    other, _ = start_network(TrainConfig(init=config.other, network=network.config))
    values = dict(other.state_dict())
    for name, value in network.state_dict().items():
        value.copy_(values[name].lerp(value, config.share))
    entry = {"steps": 0, "samples": 0, "seconds": 0, "config": without_folders(asdict(config))}
    write_trained(folder / WEIGHTS, network, origin, folder.resolve().name, entry)
    log(f"{config.share:g} of {config.init}, {1 - config.share:g} of {config.other}")
    return folder / WEIGHTS
