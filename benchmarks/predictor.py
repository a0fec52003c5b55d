"""One photo to one file: seconds per stage and peak memory, for any weights, device and precision.

    python benchmarks/predictor.py                          # full-size random weights, auto precision
    python benchmarks/predictor.py --precision fp32 auto    # several, one after the other
    python benchmarks/predictor.py --plain                  # beside them, the same network run the plain way
    python benchmarks/predictor.py --weights FILE --device cuda --runs 5

Every run is a fresh process, from its start to the file written. With --runs N the photo is converted N times in that
process and the last, warm one counts. ``--plain`` imitates how a straightforward program does the same: the model
built from random values first, eager NCHW in fp32 with torch's own layers, a float64 SVD of every covariance, and the
file written tuple by tuple. It takes the place of the published tool, whose code is not part of this project.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PHOTO = Path(__file__).parents[1] / "examples" / "coffee.png"
STAGES = ("import", "load", "decode", "network", "decompose", "write")


def make_full_size(path: Path) -> Path:
    """A weights file of the released model's size, made once and kept."""
    if not path.exists():
        import torch

        from sharp_cli.model.config import SharpConfig
        from sharp_cli.model.random_weights import random_tensors
        from sharp_cli.weights.write import write_weights

        write_weights(path, random_tensors(SharpConfig()), SharpConfig(), {"name": "random"}, torch.float32)
    return path


def read_seconds(path: Path) -> float:
    """Time to read a file that is in the system's cache: the better of two."""
    times, block = [], bytearray(1 << 24)
    for _ in range(3):
        start = time.perf_counter()
        with path.open("rb", buffering=0) as file:
            while file.readinto(block):
                pass
        times.append(time.perf_counter() - start)
    return min(times[1:])


def measure(weights: Path, photo: Path, device: str, precision: str, low_vram: bool, runs: int) -> dict[str, float]:
    """Convert in this process; seconds per stage of the last run."""
    from sharp_cli.runtime.timing import Stopwatch, peak_memory

    watch = Stopwatch()
    with watch.stage("import"):
        from sharp_cli.formats.ply import write_ply
        from sharp_cli.photo import read_photo
        from sharp_cli.predictor import predictor_from
        from sharp_cli.weights.read import read_weights
    with watch.stage("load", on_device=True):
        predictor = predictor_from(read_weights(weights), device, precision, low_vram)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            last = Stopwatch()
            with last.stage("decode"):
                picture = read_photo(photo)
            with last.stage("network", on_device=True):
                ndc = predictor.run_network([picture])
            with last.stage("decompose", on_device=True):
                (gaussians,) = predictor.to_camera_space(ndc, [picture])
            with last.stage("write"):
                write_ply(Path(folder) / "photo.ply", gaussians)
    sizes = {f"{kind} GB": size / 1e9 for kind, size in peak_memory().items()}
    return {**watch.seconds, **last.seconds, **sizes}


def measure_plain(weights: Path, photo: Path) -> dict[str, float]:
    """The same work the plain way; see the module's docstring."""
    from sharp_cli.runtime.timing import Stopwatch, peak_memory

    watch = Stopwatch()
    with watch.stage("import"):
        import numpy as np
        import torch
        from plyfile import PlyData, PlyElement
        from safetensors.torch import load_file
        from torch import nn

        from sharp_cli.formats.ply import VERTEX
        from sharp_cli.gaussians.covariance import covariances
        from sharp_cli.model import blocks, convolution, vit
        from sharp_cli.model.checkpoint import network_name
        from sharp_cli.model.config import SharpConfig
        from sharp_cli.model.network import SharpNetwork
        from sharp_cli.model.square import to_square
        from sharp_cli.photo import read_photo
    convolution.Conv3x3.forward = nn.Conv2d.forward  # type: ignore[method-assign]
    vit.PointwiseLinear.forward = nn.Linear.forward  # type: ignore[method-assign]
    blocks.GroupNorm.forward = nn.GroupNorm.forward  # type: ignore[method-assign]
    to_map = vit.WindowViT._to_map
    vit.WindowViT._to_map = lambda self, tokens: to_map(self, tokens).contiguous()  # type: ignore[method-assign]
    torch.set_grad_enabled(False)
    with watch.stage("load", on_device=True):
        network = SharpNetwork(SharpConfig()).eval()
        network.load_state_dict({network_name(name): value for name, value in load_file(weights).items()})
    with watch.stage("decode"):
        picture = read_photo(photo)
        image = to_square(picture.pixels, 1536, torch.device("cpu")).contiguous()
    with watch.stage("network", on_device=True):
        ndc = network(image, torch.tensor([picture.focal_px / picture.width]))
    with watch.stage("decompose", on_device=True):
        matrices = covariances(ndc.scales[0], ndc.quats[0]).double()
        torch.linalg.svd(matrices)
    with watch.stage("write"), tempfile.TemporaryDirectory() as folder:
        columns = torch.cat([ndc.means[0], ndc.colors[0], ndc.opacities[0, :, None], ndc.scales[0], ndc.quats[0]], 1)
        rows = np.empty(len(columns), VERTEX)
        rows[:] = list(map(tuple, columns.numpy()))
        PlyData([PlyElement.describe(rows, "vertex")], byte_order="<").write(str(Path(folder) / "photo.ply"))
    return {**watch.seconds, **{f"{kind} GB": size / 1e9 for kind, size in peak_memory().items()}}


def run_child(arguments: list[str]) -> dict[str, float]:
    """One measurement in a process of its own, with its whole duration."""
    start = time.perf_counter()
    child = subprocess.run([sys.executable, __file__, *arguments, "--child"], check=True, stdout=subprocess.PIPE)
    return {**json.loads(child.stdout.splitlines()[-1]), "whole": time.perf_counter() - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="default: random, full size, kept in build/")
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", nargs="+", default=["auto"])
    parser.add_argument("--low-vram", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="also the plain way, on the CPU")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    weights = options.weights or make_full_size(Path("build/random-full.safetensors"))
    if options.child:
        (precision,) = options.precision
        found = (
            measure_plain(weights, options.photo)
            if precision == "plain"
            else measure(weights, options.photo, options.device, precision, options.low_vram, options.runs)
        )
        print(json.dumps(found))
        return

    shared = ["--weights", str(weights), "--photo", str(options.photo), "--device", options.device]
    shared += ["--runs", str(options.runs), *(["--low-vram"] if options.low_vram else [])]
    modes = [*(["plain"] if options.plain else []), *options.precision]
    print(f"reading the weights file from a warm cache: {read_seconds(weights):.2f} s")
    results = {mode: run_child([*shared, "--precision", mode]) for mode in modes}
    columns = [*STAGES, "whole", "process GB", "cuda GB"]
    columns = [column for column in columns if any(column in result for result in results.values())]
    print("| mode |", " | ".join(columns), "| whole / plain |")
    print("| --- |", " --- |" * (len(columns) + 1))
    for mode, result in results.items():
        ratio = f"{result['whole'] / results['plain']['whole']:.2f}" if options.plain else ""
        figures = " | ".join(f"{result.get(column, float('nan')):.2f}" for column in columns)
        print(f"| {mode} | {figures} | {ratio} |")


if __name__ == "__main__":
    main()
