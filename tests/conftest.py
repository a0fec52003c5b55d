"""Shared by several test files: the data folder, and a small network with random weights, as file and predictor."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings

DATA = Path(__file__).parent / "data"

# Whoever starts the suite in the background hands it an ignored Ctrl-C, which the commands under test would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time; no deadline, since machines are shared and first examples may compile.
settings.register_profile("reproducible", deadline=None, derandomize=True)
# By hand: pytest --hypothesis-profile thorough. What it finds becomes an @example.
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("reproducible")

TIERS = ("gpu", "browser", "slow", "cli")
"""Markers that name a test's tier; a test without any of them is a unit test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the command line are the tier ``cli``; every test without a tier is ``unit``."""
    for item in items:
        if "cli" in item.path.stem or item.path.parent.name == "cli" or item.path.stem == "test_main_job":
            item.add_marker("cli")
        if not any(item.get_closest_marker(tier) for tier in TIERS):
            item.add_marker("unit")


@pytest.fixture(scope="session")
def data() -> Path:
    return DATA


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the small network: real resolution, noise as result."""
    from sharp_cli.model.random_weights import SMALL, random_tensors
    from sharp_cli.weights.write import write_weights

    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_weights(path, random_tensors(SMALL), SMALL, {"name": "random-small"}, torch.float32)
    return path


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file for many photos in little time: 512 px, 131,072 Gaussians, noise for a result."""
    from sharp_cli.model.config import SharpConfig
    from sharp_cli.model.random_weights import random_tensors
    from sharp_cli.weights.write import write_weights

    config = SharpConfig(128, 16, 16, 2, 2, (0, 1), (16,) * 5, 16, 16, 16, 8)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    write_weights(path, random_tensors(config), config, {"name": "random-tiny"}, torch.float32)
    return path


@pytest.fixture(scope="session")
def small_predictor(small_weights: Path):
    from sharp_cli import load_predictor

    return load_predictor(small_weights, device="cpu", precision="fp32")


@pytest.fixture
def nothing_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without downloaded weights, and a test that fails if the command line begins to download some."""

    def download(checkpoint: object) -> Path:
        raise AssertionError("a download began")

    monkeypatch.setattr("sharp_cli.cli.network_batches.download_shown", download)
    monkeypatch.setenv("SHARP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
