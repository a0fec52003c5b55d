"""benchmarks/gpu.py on a machine without a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


def run(*words: str) -> list[str]:
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_nothing_is_measured() -> None:
    (line,) = run()
    assert "no CUDA device" in line


@pytest.mark.slow
def test_a_rehearsal_fills_a_row() -> None:
    lines = run("--rehearse", "--tiny", "--runs", "1", "--rows", "graph")
    assert "rehearsal on the CPU" in lines[0]
    assert [line for line in lines if line.startswith("| CUDA graph | ") and "failed" not in line]
