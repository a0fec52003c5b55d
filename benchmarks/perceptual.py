"""What the perceptual loss costs with its network's graph and without: peak memory and seconds of a step.

    python benchmarks/perceptual.py [--device cuda] [--sizes 512 768] [--views 2]

A step is the loss of the views and its gradient with respect to them, once by plain backpropagation through a batch
and once with the gradient cached (``perceptual_loss``). Each row is measured in a process of its own. On a CPU the
memory is the process's largest resident size less what it had before the step; on CUDA the allocator's peak less
what was allocated before. The feature network's weights are timm's random start: their values do not matter here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import torch

from sharp_cli.runtime.timing import peak_memory
from sharp_cli.training.perceptual import FeatureNetwork, perceptual_loss

FORMS = {"plain": True, "graph-free": False}


def measure(form: str, size: int, views: int, device: torch.device) -> dict[str, float]:
    """GiB and seconds of one step in this process."""
    features = FeatureNetwork().to(device)
    draw = torch.Generator().manual_seed(0)
    target = torch.rand(views, 3, size, size, generator=draw).to(device)
    rendered = (target + 0.1 * torch.randn(target.shape, generator=draw).to(device)).requires_grad_()
    kind = "cuda" if device.type == "cuda" else "process"
    if kind == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    else:
        before = peak_memory()[kind]

    start = time.perf_counter()
    loss = perceptual_loss(rendered, target, features, keep_graph=FORMS[form])
    loss.backward()
    if kind == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    return {"gib": (peak_memory()[kind] - before) / 2**30, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 768])
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--form", choices=FORMS, help="measure this form at the first size and print JSON")
    options = parser.parse_args()
    if options.form:
        print(json.dumps(measure(options.form, options.sizes[0], options.views, options.device)))
        return

    print(f"{options.views} views on {options.device}, torch {torch.__version__}")
    print("\n| picture | form | peak memory of a step | seconds |\n| --- | --- | --- | --- |")
    for size in options.sizes:
        for form in FORMS:
            command = [sys.executable, __file__, "--form", form, "--sizes", str(size)]
            command += ["--views", str(options.views), "--device", str(options.device)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(f"| {size}² | {form} | {found['gib']:.2f} GiB | {found['seconds']:.1f} |")


if __name__ == "__main__":
    main()
