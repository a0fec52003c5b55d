"""What benchmarks/gpu.py measures: a function for each table, whose result is a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from predictor import measure

ROOT = Path(__file__).parents[1]
PHOTOS = [ROOT / "examples" / name for name in ("coffee.png", "chelsea.png", "china.jpg", "rocket.jpg")]
Values = dict[str, Any]
KINDS = {
    "matrix products": ("gemm", "cutlass", "matmul", "cublas", "wgmma", "conv", "fprop"),
    "attention": ("flash", "fmha", "attention"),
    "norms": ("norm",),
    "layout copies": ("nchwtonhwc", "nhwctonchw", "copy", "transpose"),
}


class Setting(NamedTuple):
    """Where and what to measure."""

    device: str
    weights: Path
    runs: int
    tiny: bool = False
    """Small batches and pictures, for rehearsals."""


def load(setting: Setting, precision: str = "auto", low_vram: bool = False) -> Any:
    """A predictor."""
    from sharp_cli import load_predictor

    return load_predictor(setting.weights, setting.device, precision, low_vram)  # type: ignore[arg-type]


def wait(setting: Setting) -> float:
    """Now, once the device has done its work."""
    if setting.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def best(setting: Setting, work: Callable[[], Any]) -> float:
    """Least of several warm runs [ms]."""
    times = []
    for _ in range(setting.runs + 1):
        start = wait(setting)
        work()
        times.append(1e3 * (wait(setting) - start))
    return min(times[1:])


def precision(setting: Setting, name: str) -> Values:
    """Median depth error against fp32 on the CPU, over the example photos, and the largest value on the way."""
    errors, largest = [], 0.0

    def note(module: Any, given: Any, result: Any) -> None:
        nonlocal largest
        if isinstance(result, torch.Tensor) and result.is_floating_point():
            largest = max(largest, result.detach().abs().max().item())

    exact = load(setting._replace(device="cpu"), "fp32")
    found = load(setting, "fp32" if name == "fp32 with TF32" else name)
    if name == "fp32 with TF32":
        from contextlib import nullcontext

        import sharp_cli.predictor as module

        module.exact_products = lambda wanted: nullcontext()  # type: ignore[assignment]
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    for module in found.network.modules():
        module.register_forward_hook(note)
    for photo in PHOTOS[: setting.runs]:
        depth, true = (p.predict(photo).means[:, 2].cpu() for p in (found, exact))
        errors.append((depth / true - 1).abs().median().item())
    return {"median depth error": f"{min(errors):.1e} to {max(errors):.1e}", "largest activation": f"{largest:.3g}"}


def stages(setting: Setting, name: str) -> Values:
    """Milliseconds of each stage: warm, or of the first photo."""
    precision, _, cold = name.partition(", ")
    found = measure(setting.weights, PHOTOS[0], setting.device, precision, False, 1 if cold else setting.runs)
    warm = [found[stage] for stage in ("decode", "network", "decompose", "write")]
    return {
        **{f"{k} ms": f"{1e3 * v:.1f}" for k, v in found.items() if "GB" not in k},
        "photo to file ms": f"{1e3 * sum(warm):.1f}",
    }


def profile(setting: Setting, _: str) -> Values:
    """Shares of the device's time by kind of kernel; the attention's backend is in its kernel's name."""
    from torch.profiler import ProfilerActivity

    predictor = load(setting)
    predictor.predict(PHOTOS[0])
    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if setting.device == "cuda" else [])
    with torch.profiler.profile(activities=kinds) as profiler:
        predictor.predict(PHOTOS[0])
    cost = "self_device_time_total" if setting.device == "cuda" else "self_cpu_time_total"
    spent = {event.key: getattr(event, cost) for event in profiler.key_averages()}
    total = sum(spent.values()) or 1
    shares, rest = {}, dict(spent)
    for kind, words in KINDS.items():
        members = [key for key in rest if any(word in key.lower() for word in words)]
        shares[kind] = f"{100 * sum(rest.pop(key) for key in members) / total:.0f} %"
    top = sorted(spent, key=lambda key: -spent[key])[:5]
    return {"ms": f"{total / 1e3:.1f}", **shares, "longest": "; ".join(key[:40].replace("|", "") for key in top)}


def memory(setting: Setting, name: str) -> Values:
    """Memory that torch reserves for one photo, also a large one and also within limits."""
    kind, _, limit = name.partition(" within ")
    if limit and setting.device == "cuda":
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(float(limit.split()[0]) * 1e9 / whole)
    import warnings

    import numpy as np

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        predictor = load(setting, kind.split(",")[0], "low-vram" in kind)
        photo = np.zeros((9000, 12000, 3), np.uint8) if "108" in name else PHOTOS[0]
        predictor.predict(photo)
    reserved = torch.cuda.max_memory_reserved() / 1e9 if setting.device == "cuda" else float("nan")
    return {"reserved GB": f"{reserved:.2f}", "said": "; ".join(str(w.message) for w in said) or "nothing"}


def network_alone(setting: Setting) -> float:
    """Seconds of the warm network, without anything around it."""
    from sharp_cli.photo import read_photo

    predictor, photo = load(setting), read_photo(PHOTOS[0])
    return best(setting, lambda: predictor.run_network([photo])) / 1e3


def compiled(setting: Setting, _: str) -> Values:
    """torch.compile of the whole network: how long it takes, what it brings, what it costs."""
    predictor = load(setting)
    eager = predictor.predict(PHOTOS[0]).means
    before = best(setting, lambda: predictor.predict(PHOTOS[0]))
    predictor.network = torch.compile(predictor.network)
    start = wait(setting)
    means = predictor.predict(PHOTOS[0]).means
    spent = wait(setting) - start
    after = best(setting, lambda: predictor.predict(PHOTOS[0]))
    error = (means[:, 2] / eager[:, 2] - 1).abs().median().item()
    return {
        "compile s": f"{spent:.0f}",
        "eager ms": f"{before:.1f}",
        "compiled ms": f"{after:.1f}",
        "error": f"{error:.1e}",
    }


def graph(setting: Setting, _: str) -> Values:
    """The network as one CUDA graph: replayed against launched kernel by kernel."""
    from sharp_cli.photo import read_photo

    predictor, photo = load(setting), read_photo(PHOTOS[0])
    eager = best(setting, lambda: predictor.run_network([photo]))
    if setting.device != "cuda":
        return {"eager ms": f"{eager:.1f}", "replayed ms": "needs CUDA", "same bits": "needs CUDA"}
    with torch.inference_mode():
        given = (torch.rand(1, 3, *[predictor.network.config.resolution] * 2, device="cuda"), torch.ones(1).cuda())
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            expected = [predictor.network(*given) for _ in range(3)][-1]
        torch.cuda.current_stream().wait_stream(side)
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded):
            result = predictor.network(*given)
        replayed = best(setting, recorded.replay)
        same = all(torch.equal(a, b) for a, b in zip(result, expected, strict=True))
    return {"eager ms": f"{eager:.1f}", "replayed ms": f"{replayed:.1f}", "same bits": str(same)}
