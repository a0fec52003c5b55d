"""All that there is to check on a CUDA GPU, as tables in one command:

    python benchmarks/gpu.py > gpu.md                 # random weights of the released model's size
    python benchmarks/gpu.py --weights preview        # other weights
    python benchmarks/gpu.py --rows stages memory     # some of it
    python benchmarks/gpu.py --rehearse               # the same code on the CPU: no GPU figures
    python benchmarks/gpu.py --rehearse --tiny        # with a tiny network and small pictures, to see that rows work

Each row runs in a process of its own, so that memory and caches start empty; one that fails says why, and the others
go on. Times wait for the device. Without a CUDA device nothing is measured.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from gpu_commands import command, gsplat, suite, training
from gpu_rows import Setting, Values, compiled, graph, memory, precision, profile, stages
from predictor import make_full_size

ROWS: dict[str, tuple[Callable[[Setting, str], Values], tuple[str, ...]]] = {
    "tests": (suite, ("gpu", "whole suite")),
    "gsplat": (gsplat, ("as installed", "built at first use", "built, without fast math")),
    "precision": (precision, ("fp32", "fp32 with TF32", "bf16", "fp16")),
    "stages": (stages, ("fp32", "bf16", "fp16", "fp16, the first photo")),
    "profile": (profile, ("one warm photo",)),
    "memory": (
        memory,
        (
            *("fp32", "bf16", "fp16", "fp32, low-vram", "fp16, low-vram", "fp16, 108 megapixels"),
            *(f"fp16 within {limit} GB" for limit in (4, 3, 2)),
        ),
    ),
    "commands": (
        command,
        (
            *("one photo", "batch of 20", "convert --render", "convert --render without gsplat"),
            *("orbit at 1536²", "orbit with depth", "orbit in stereo"),
        ),
    ),
    "compile": (compiled, ("torch.compile",)),
    "graph": (graph, ("CUDA graph",)),
    "training": (
        training,
        (
            *(f"{phase}, 2 workers" for phase in ("coarsest", "coarse", "depth", "full", "self")),
            *(f"full, {workers} workers" for workers in (0, 4, 8)),
            *("full, 2 ranks", "full, resumed"),
        ),
    ),
}


def make_tiny(path: Path) -> Path:
    """Weights of a network that takes a second a photo on a CPU."""
    from sharp_cli.model.config import SharpConfig
    from sharp_cli.model.random_weights import SMALL, random_tensors
    from sharp_cli.weights.write import write_weights

    config = SharpConfig(**{**SMALL.to_dict(), "image_size": 128})
    write_weights(path, random_tensors(config), config, {"name": "tiny"}, torch.float32)
    return path


def header(setting: Setting) -> str:
    """Date, device and versions."""
    device = torch.cuda.get_device_name() if setting.device == "cuda" else "rehearsal on the CPU: no GPU figures"
    versions = [f"torch {torch.__version__} (CUDA {torch.version.cuda})"]
    versions += [f"{name} {importlib.metadata.version(name)}" for name in ("gsplat", "timm")]
    return f"{datetime.date.today()}, {device}, {', '.join(versions)}, weights {setting.weights.name}"


def row_in_process(table: str, name: str, words: list[str]) -> Values:
    """One row, measured in a process of its own."""
    command = [sys.executable, __file__, *words, "--one", table, name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="a weights file or a known name; default: random, of the released size")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--runs", type=int, default=4, help="warm runs, of which the best counts")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, to see that every row works")
    parser.add_argument("--tiny", action="store_true", help="a tiny network, small batches and pictures")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.rehearse and not torch.cuda.is_available():
        print("torch finds no CUDA device here, so nothing was measured.")
        return
    if given.weights:
        from sharp_cli.weights.resolve import resolve

        weights = resolve(given.weights)
    elif given.tiny:
        weights = make_tiny(Path(tempfile.gettempdir()) / "sharp-tiny.safetensors")
    else:
        weights = make_full_size(Path(tempfile.gettempdir()) / "sharp-full-size.safetensors")
    setting = Setting("cpu" if given.rehearse else "cuda", weights, given.runs, given.tiny)
    if given.one:
        table, name = given.one
        print(json.dumps(ROWS[table][0](setting, name)))
        return
    words = ["--weights", str(weights), "--runs", str(given.runs), *(["--rehearse"] if given.rehearse else [])]
    words += ["--tiny"] if given.tiny else []
    print(header(setting))
    for table in given.rows:
        print(f"\n## {table}\n\n`python benchmarks/gpu.py --rows {table}`\n")
        columns: list[str] = []
        for name in ROWS[table][1]:
            values = row_in_process(table, name, words)
            if not columns:
                columns = list(values)
                print(f"| {table} | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
            cells = [str(values.get(column, "")) for column in columns]
            failed = f"failed: {values['failed']}" if "failed" in values and "failed" not in columns else ""
            print(f"| {name} | {' | '.join([failed or cells[0], *cells[1:]])} |", flush=True)


if __name__ == "__main__":
    main()
