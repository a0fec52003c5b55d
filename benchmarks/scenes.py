"""Pairs of synthetic scenes per second, and a contact sheet of them.

    python benchmarks/scenes.py [--pairs 60] [--size 256] [--threads 2] [--sheet sheet.png] [--layout room]

On a shared machine wall time depends on what else is running; CPU time per pair is steadier. The sheet has the
input image, its depth (near is bright) and the novel view of each scene.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.scenes import SceneConfig, make_pair, seeds
from sharp_cli.scenes.bank import load_bank
from sharp_cli.scenes.layouts import LAYOUTS

COLUMNS = 5


def depth_picture(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(H, W, 3): disparity relative to what is nearest."""
    shown = np.rint(255 * (depth.min() / depth) ** 0.5).astype(np.uint8)
    return np.repeat(shown[..., None], 3, axis=2)


def write_sheet(path: Path, pairs: list[ViewPair], side: int = 128) -> None:
    """Five scenes a row, three pictures each."""
    rows = -(-len(pairs) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (3 * side + 8), rows * (side + 4)), (255, 255, 255))
    for i, pair in enumerate(pairs):
        pictures = (pair.photo, depth_picture(pair.input.depth), pair.novel.image)
        for j, picture in enumerate(pictures):
            place = (i % COLUMNS * (3 * side + 8) + j * side, i // COLUMNS * (side + 4))
            sheet.paste(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS), place)
    sheet.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--start", type=int, default=0, help="number of the first training pair")
    parser.add_argument("--layout", choices=tuple(LAYOUTS), help="only scenes of this kind")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = SceneConfig(layouts=(options.layout,) if options.layout else ())

    start = time.perf_counter()
    load_bank()
    painted = time.perf_counter()
    make_pair(0, 64)
    print(f"textures {painted - start:.1f} s, compiling or loading kernels {time.perf_counter() - painted:.1f} s")
    pairs, cpu = [], []
    start = time.perf_counter()
    for seed in seeds("train")[options.start : options.start + options.pairs]:
        before = time.process_time()
        pairs.append(make_pair(seed, options.size, config))
        cpu.append(time.process_time() - before)
    wall = time.perf_counter() - start
    print(f"{options.pairs} pairs at {options.size}², {options.threads} threads")
    print(f"{options.pairs / wall:.1f} pairs a second of wall time; CPU a pair: mean {1000 * np.mean(cpu):.0f} ms, "
          f"median {1000 * np.median(cpu):.0f} ms, slowest {1000 * max(cpu):.0f} ms")  # fmt: skip
    if options.sheet:
        write_sheet(options.sheet, pairs)


if __name__ == "__main__":
    main()
