"""What reduced precision costs: the golden network on its photo, each precision against fp32 on the same device.

    python benchmarks/precision.py [--device cuda]

Depth error is relative, per Gaussian; position error is the distance in units of the Gaussian's own depth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from sharp_cli.model.checkpoint import empty_network, used_names
from sharp_cli.model.precision import choose_dtype, place_tensors
from sharp_cli.model.random_weights import SMALL
from sharp_cli.photo import FocalOverride, as_photo
from sharp_cli.predictor import Predictor
from sharp_cli.runtime.devices import choose_device

DATA = Path(__file__).parents[1] / "tests" / "data"
CASES = {"network": ("china.jpg", 550.0), "batch": ("chelsea.png", 900.0)}


def means(case: str, precision: str, device: torch.device) -> torch.Tensor:
    """(N, 3) positions [m] that a golden network predicts."""
    stored = load_file(DATA / "golden" / case / "weights.safetensors")
    network = empty_network(SMALL)
    tensors = {name: stored[name] for name in used_names(stored)}
    place_tensors(network, tensors, choose_dtype(precision, device), device)  # type: ignore[arg-type]
    predictor = Predictor(network.eval(), device, {}, low_vram=False)
    photo, focal = CASES[case]
    return predictor.predict(as_photo(DATA / photo, FocalOverride(focal))).means.cpu()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    device = choose_device(parser.parse_args().device)
    auto = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[choose_dtype("auto", device)]
    print(f"auto is {auto} on {device}")
    print("| golden weights | precision | median depth error | 99 % | largest position error |")
    print("| --- | --- | --- | --- | --- |")
    for case in CASES:
        exact = means(case, "fp32", device)
        for precision in ("bf16", "fp16"):
            found = means(case, precision, device)
            depth = (found[:, 2] / exact[:, 2] - 1).abs()
            position = ((found - exact).norm(dim=1) / exact[:, 2]).max()
            print(f"| {case} | {precision} | {depth.median():.2e} | {depth.quantile(0.99):.2e} | {position:.2e} |")


if __name__ == "__main__":
    main()
