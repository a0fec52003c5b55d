"""What several test files share: the data folder and a small drawn network, as a file and as a predictor."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings

DATA = Path(__file__).parent / "data"

# Whoever starts the suite in the background hands it an ignored Ctrl-C, which the commands under test would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines are shared and first examples may compile: how long one takes says nothing.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def data() -> Path:
    return DATA


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the drawn small network: real resolution, noise for a result."""
    from sharp_cli.model.random_weights import SMALL, draw_tensors
    from sharp_cli.weights.write import write_weights

    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_weights(path, draw_tensors(SMALL), SMALL, {"name": "drawn-small"}, torch.float32)
    return path


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file for many photos in little time: 512 px, 131,072 Gaussians, noise for a result."""
    from sharp_cli.model.config import SharpConfig
    from sharp_cli.model.random_weights import draw_tensors
    from sharp_cli.weights.write import write_weights

    config = SharpConfig(128, 16, 16, 2, 2, (0, 1), (16,) * 5, 16, 16, 16, 8)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    write_weights(path, draw_tensors(config), config, {"name": "drawn-tiny"}, torch.float32)
    return path


@pytest.fixture(scope="session")
def small_predictor(small_weights: Path):
    from sharp_cli import load_predictor

    return load_predictor(small_weights, device="cpu", precision="fp32")
