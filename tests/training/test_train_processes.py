"""``sharp train`` as a person starts it, and several processes against one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_runs import posed_folder
from typer.testing import CliRunner

from sharp_cli.cli import app
from sharp_cli.training.configfile import load_config
from sharp_cli.training.loop import train
from sharp_cli.training.state import find_checkpoints

TINY = """
phase = "depth"
trainable = "all"
steps = 2
batch = 2
micro_batch = 1
[network]
image_size = 128
patch_size = 16
embed_dim = 16
depth = 2
num_heads = 2
latent_blocks = [0, 1]
encoder_dims = [8, 8, 8, 8, 8]
depth_decoder_dim = 8
gaussian_decoder_dim = 16
head_dim = 8
alignment_width = 8
[optimizer]
lr = 1e-3
warmup = 1
ema = 0.9
[data]
kind = "posed"
path = "POSED"
workers = 0
[log]
every = 1
validate = 2
samples = 1
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace("POSED", posed_folder(tmp_path / "posed").as_posix()))
    return path


def stored(folder: Path) -> dict:
    return torch.load(find_checkpoints(folder)[-1], weights_only=True)


@pytest.mark.slow
def test_two_processes_learn_what_one_does(config: Path, tmp_path: Path):
    train(load_config(str(config)), tmp_path / "one", torch.device("cpu"))
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "sharp_cli"]
    words = ["train", str(config), "--out", str(tmp_path / "two"), "--device", "cpu"]
    run = subprocess.run(
        [sys.executable, *launcher, *words], env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    one, two = stored(tmp_path / "one"), stored(tmp_path / "two")
    assert one["step"] == two["step"] == 2
    for kind in ("network", "mean"):
        for name, values in one[kind].items():
            # Halves of a sum of two are exact, whoever adds them; more micro-batches would be added in another order.
            assert torch.equal(values, two[kind][name]), name
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert len(logs[0]) == len(logs[1]) == 3, "only one of the processes writes"


def test_an_uneven_batch_is_refused(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    result = CliRunner().invoke(app, ["train", str(config), "--out", str(tmp_path / "out"), "--device", "cpu"])
    assert result.exit_code == 1 and "evenly among 3 processes" in str(result.exception)


def test_the_command_prints_the_weights_and_goes_on(config: Path, tmp_path: Path):
    out = tmp_path / "out"
    words = ["train", str(config), "--out", str(out), "--device", "cpu", "--set", "batch=1"]
    first = CliRunner().invoke(app, [*words, "--steps", "1"])
    assert first.exit_code == 0, first.exception
    assert first.stdout.strip() == str(out / "weights.safetensors")
    again = CliRunner().invoke(app, [*words, "--steps", "2", "--set", "log.validate=1"])
    assert again.exit_code == 0, again.exception
    assert "resuming after step 1" in again.stderr and "validation: loss" in again.stderr
    assert stored(out)["step"] == 2
