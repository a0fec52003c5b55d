"""Batches of `sharp convert`: what overlapping costs and hides, and how fast a rerun is.

python benchmarks/batch.py overlap   # 20 photos against 20 times the network alone, small random network at 1536 px
python benchmarks/batch.py rerun     # 10,000 photos whose splats are done: how long until "nothing to do"
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sharp_cli.model.config import SharpConfig
from sharp_cli.model.random_weights import SMALL, random_tensors
from sharp_cli.weights.write import write_weights

TINY = SharpConfig(128, 16, 16, 2, 2, (0, 1), (16,) * 5, 16, 16, 16, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["overlap", "rerun"])
    parser.add_argument("--photos", type=int, help="photos in the batch: 20 or 10,000 by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what == "overlap":
            overlap(Path(folder), arguments.photos or 20)
        else:
            rerun(Path(folder), arguments.photos or 10_000)


def overlap(folder: Path, count: int) -> None:
    """Seconds from the first photo's start to the last file's end, beside the network's own."""
    from sharp_cli import load_predictor
    from sharp_cli.photo import read_photo
    from sharp_cli.runtime.memory import keep_freed_memory

    weights = folder / "small.safetensors"
    write_weights(weights, random_tensors(SMALL), SMALL, {}, torch.float32)
    make_photos(folder / "in", count, (3000, 4000))
    # The network alone, before and after the batch: other work on the machine may come and go.
    predictor = load_predictor(weights, device="cpu", precision="fp32")
    photo = read_photo(next((folder / "in").iterdir()))
    predictor.predict(photo)  # what is compiled once per installation is no part of a batch
    alone = [network_alone(predictor, photo)]
    run = convert(folder / "in", folder / "out", weights, folder / "record.json", "--precision", "fp32")
    assert run.returncode == 0, run.stderr
    alone.append(network_alone(predictor, photo))
    keep_freed_memory()  # as batches do
    kept = network_alone(predictor, photo)

    record = json.loads((folder / "record.json").read_text())
    totals = record["totals"]["seconds"]
    batch = record["seconds"] - totals["import"] - totals["load"]
    network = sum(alone) / len(alone)
    print("network alone:", ", ".join(f"{seconds:.3f} s" for seconds in alone))
    print(f"{count} photos of 12 megapixels: {batch:.2f} s without import and load")
    print("stages:", ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in totals.items()))
    print(f"batch / ({count} × network alone): {batch / (count * network):.3f}")
    print(f"network alone with memory kept: {kept:.3f} s, batch / ({count} × that): {batch / (count * kept):.3f}")


def network_alone(predictor, photo) -> float:
    """Median seconds of seven passes, after two to warm up."""
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        predictor.run_network([photo])
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[2:]))


def rerun(folder: Path, count: int) -> None:
    """Wall-clock seconds of a rerun over finished splats, process start included."""
    from dataclasses import replace

    from sharp_cli import Camera, Gaussians, write_ply
    from sharp_cli.batch.convert import Recipe
    from sharp_cli.batch.network import Network
    from sharp_cli.batch.provenance import make_provenance, settings_text

    weights = folder / "tiny.safetensors"
    write_weights(weights, random_tensors(TINY), TINY, {}, torch.float32)
    settings = settings_text({**Network(str(weights), "cpu").settings(), **Recipe().settings()})
    values = torch.rand(20, 3)
    splat = Gaussians(values + 1, values / 90 + 0.001, torch.ones(20, 4), values[:, 0], values, Camera(8, 6, 9.0))
    (folder / "in").mkdir()
    for index in range(count):
        photo = folder / "in" / f"p{index:05}.jpg"
        Image.fromarray(np.full((24, 32, 3), index % 251, np.uint8)).save(photo)
        provenance = replace(make_provenance(photo, settings), gaussians=str(len(splat)))
        write_ply(folder / "out" / f"p{index:05}.ply", splat, provenance=provenance.facts())
    for _ in range(3):
        start = time.perf_counter()
        run = subprocess.run(
            command(folder / "in", folder / "out", weights), capture_output=True, text=True, check=True
        )
        print(f"{count:,} finished splats: {time.perf_counter() - start:.2f} s; {run.stderr.splitlines()[0]}")


def make_photos(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Photos whose JPEG files are as large as real ones."""
    folder.mkdir()
    random_numbers = np.random.default_rng(0)
    coarse = random_numbers.integers(0, 255, (size[0] // 8, size[1] // 8, 3), np.uint8)
    smooth = Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)
    for index in range(count):
        smooth.rotate(index * 7).save(folder / f"p{index:03}.jpg", quality=92)


def command(photos: Path, out: Path, weights: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "sharp_cli", "convert", str(photos), "-o", str(out), "--weights", str(weights),
            "--device", "cpu", *more]  # fmt: skip


def convert(photos: Path, out: Path, weights: Path, record: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = command(photos, out, weights, "--json", str(record), *more)
    return subprocess.run(words, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
