"""What commands on splat files cost from start to end, beside an import of torch, which most of them do without.

    python benchmarks/commands.py [--repeats 7] [--gaussians 131072]

All are started in turn, so that a busy machine slows them alike; medians of the repeats.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from sharp_cli import Camera, Gaussians, write_splat

SHARP = [sys.executable, "-m", "sharp_cli"]


def scene(count: int) -> Gaussians:
    """Gaussians of ordinary sizes in front of a photo's camera."""
    generator = torch.Generator().manual_seed(0)
    return Gaussians(
        means=torch.randn(count, 3, generator=generator) + torch.tensor([0.0, 0, 4]),
        scales=torch.exp(torch.randn(count, 3, generator=generator) - 4),
        quats=torch.randn(count, 4, generator=generator),
        opacities=torch.rand(count, generator=generator),
        colors=torch.rand(count, 3, generator=generator),
        camera=Camera(640, 480, 512.0),
    )


def main() -> None:
    """Print one row for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--gaussians", type=int, default=131_072)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.ply"
        write_splat(path, scene(args.gaussians))
        commands = {
            "import torch": [sys.executable, "-c", "import torch"],
            "sharp --help": [*SHARP, "--help"],
            "sharp inspect a.ply": [*SHARP, "inspect", "a.ply"],
            **{
                f"sharp export a.ply {name}": [*SHARP, "export", "a.ply", name, "--overwrite", "-q"]
                for name in ("b.spz", "b.sog", "b.html", "b.compressed.ply")
            },
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(args.repeats + 1):
            for name, words in commands.items():
                start = time.perf_counter()
                subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                seconds[name].append(time.perf_counter() - start)
    unit = median(seconds["import torch"][1:])
    print(f"| {args.gaussians:,} Gaussians | seconds | / import torch |\n| --- | --- | --- |")
    for name, taken in seconds.items():
        typical = median(taken[1:])  # the first run reads the files into memory
        print(f"| `{name}` | {typical:.2f} | {typical / unit:.2f} |")


if __name__ == "__main__":
    main()
