"""Milliseconds a frame of the rasterizer, forward and backward, on a synthetic scene as large as the predictor's.

    python benchmarks/rasterizer.py [--device cuda] [--runs 5]

Two layers of 768 × 768 Gaussians, each about a pixel of that grid wide, at depths 1 to 20 m; the eye stands a little
beside the photo's. The fastest of the runs counts: other work on the machine only ever adds time.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable

import torch
from torch import Tensor

from sharp_cli.render.rasterizer import Rendering, rasterize

GRID = 768
FOCAL = 0.8  # of the picture's width


def make_scene(device: torch.device) -> dict[str, Tensor]:
    """Gaussians as the predictor places them, over rolling ground with a few objects in front."""
    draw = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(*[(torch.arange(GRID) + 0.5) / GRID * 2 - 1] * 2, indexing="ij")
    visible = 20 / (1 + 19 * ((y + 1) / 2) ** 2) * (1 + 0.1 * torch.sin(9 * x + 4 * y))
    for cx, cy, radius, depth in [(-0.4, 0.1, 0.3, 2.0), (0.5, 0.3, 0.25, 1.5), (0.1, -0.4, 0.2, 6.0)]:
        visible = torch.where((x - cx) ** 2 + (y - cy) ** 2 < radius**2, depth, visible)
    z = torch.stack([visible, visible * 1.1 + 0.5]).clamp(1, 20)
    means = torch.stack([z * x / (2 * FOCAL), z * y / (2 * FOCAL), z], dim=-1).reshape(-1, 3)
    count = len(means)
    pixel = z.reshape(-1, 1) / (FOCAL * GRID)
    scene = {
        "means": means,
        "quats": torch.randn(count, 4, generator=draw),
        "scales": pixel * torch.exp(0.3 * torch.randn(count, 3, generator=draw)),
        "opacities": torch.sigmoid(torch.randn(count, generator=draw)),
        "colors": torch.rand(count, 3, generator=draw),
    }
    return {name: tensor.to(device) for name, tensor in scene.items()}


def render(scene: dict[str, Tensor], size: int) -> Rendering:
    """One square picture from 3 cm beside the source view."""
    viewmat = torch.eye(4)
    viewmat[0, 3] = 0.03
    K = torch.tensor([[FOCAL * size, 0, size / 2], [0, FOCAL * size, size / 2], [0, 0, 1]])
    device = scene["means"].device
    return rasterize(**scene, viewmats=viewmat[None].to(device), Ks=K[None].to(device), width=size, height=size)


def milliseconds(work: Callable[[], object], device: torch.device) -> float:
    """Time of one call, waiting for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - start)


def time_backward(scene: dict[str, Tensor], size: int, device: torch.device) -> float:
    """Backward pass alone, for a loss on color, alpha and depth."""
    for tensor in scene.values():
        tensor.requires_grad_().grad = None
    rendering = render(scene, size)
    loss = rendering.color.square().mean() + rendering.alpha.mean() + rendering.depth.mean()
    elapsed = milliseconds(loss.backward, device)
    for tensor in scene.values():
        tensor.requires_grad_(False)
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    device, runs = options.device, options.runs
    scene = make_scene(device)

    small = {name: tensor[:100] for name, tensor in scene.items()}
    first = [milliseconds(lambda: render(small, 64), device), time_backward(small, 64, device)]
    print(f"{len(scene['means']):,} Gaussians on {device}, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    print(f"first call (compile, or load what an earlier run compiled): {first[0]:.0f} ms, backward {first[1]:.0f} ms")
    print("\n| picture | forward | backward | backward / forward |\n| --- | --- | --- | --- |")
    for size in (768, 1536):
        forward, backward = math.inf, math.inf
        for _ in range(runs):
            forward = min(forward, milliseconds(lambda size=size: render(scene, size), device))  # type: ignore[misc]
            backward = min(backward, time_backward(scene, size, device))
        print(f"| {size}² | {forward:.0f} ms | {backward:.0f} ms | {backward / forward:.1f} |")


if __name__ == "__main__":
    main()
