"""Prefix sums and a stable radix sort on the GPU."""

from __future__ import annotations

from typing import Any

from sharp_cli.render.backends.webgpu.device import Gpu

SCANNED = 1024
"""Values that one workgroup of scan.wgsl sums."""
SORTED = 2048
"""Keys that one workgroup of scatter.wgsl moves."""
DIGIT_BITS, DIGITS = 8, 256


def exclusive_scan(gpu: Gpu, steps: Any, name: str, values: Any, count: int) -> None:
    """Replace each of ``count`` values by the sum of those before it; ``name`` is for the buffers in between."""
    blocks = -(-count // SCANNED)
    totals = gpu.buffer(f"{name} totals", blocks)
    gpu.run(steps, "scan", [gpu.uniform(count), values, totals], blocks)
    if blocks > 1:
        exclusive_scan(gpu, steps, f"{name} totals", totals, blocks)
        gpu.run(steps, "add", [gpu.uniform(count), values, totals], -(-count // 256))


def radix_sort(gpu: Gpu, steps: Any, name: str, keys: Any, values: Any, count: int, bits: int) -> tuple[Any, Any]:
    """Sort values by the lowest ``bits`` of their keys; equal keys keep their order.

    Returns:
        Buffers with the sorted keys and values: the given ones, or those that this swaps them with.
    """
    blocks = -(-count // SORTED)
    counts = gpu.buffer(f"{name} digits", DIGITS * blocks)
    now, spare = (keys, values), (gpu.buffer(f"{name} keys moved", count), gpu.buffer(f"{name} ids moved", count))
    for shift in range(0, bits, DIGIT_BITS):
        step = gpu.uniform(count, shift, blocks)
        gpu.run(steps, "digits", [step, now[0], counts], blocks)
        exclusive_scan(gpu, steps, f"{name} digits", counts, DIGITS * blocks)
        gpu.run(steps, "scatter", [step, counts, *now, *spare], blocks)
        now, spare = spare, now
    return now
