"""All that there is to check on a CUDA GPU, as tables in one command:

    python benchmarks/gpu.py > gpu.md                 # random weights of the released model's size
    python benchmarks/gpu.py --weights preview        # other weights
    python benchmarks/gpu.py --rows stages memory     # some of it
    python benchmarks/gpu.py --rehearse               # the same code on the CPU, small: no GPU figures

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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from predictor import make_full_size, measure

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
    """Milliseconds of each stage, warm; a cold start is the sum of the first run."""
    found = measure(setting.weights, PHOTOS[0], setting.device, name, False, setting.runs)
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
        photo = np.zeros((9000, 12000, 3), np.uint8) if "108" in kind else PHOTOS[0]
        predictor.predict(photo)
    reserved = torch.cuda.max_memory_reserved() / 1e9 if setting.device == "cuda" else float("nan")
    return {"reserved GB": f"{reserved:.2f}", "said": "; ".join(str(w.message) for w in said) or "nothing"}


def command(setting: Setting, name: str) -> Values:
    """Seconds of a command, start included."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        photos, out = Path(folder) / "photos", Path(folder) / "out"
        photos.mkdir()
        count = {"batch of 20": 20}.get(name, 1)
        for i in range(count):
            Image.open(PHOTOS[i % 4]).save(photos / f"{i}.jpg")
        sharp = [sys.executable, "-m", "sharp_cli"]
        convert = [*sharp, "convert", str(photos), "--out", str(out), "--weights", str(setting.weights)]
        convert += ["--device", setting.device, "--quiet"]
        if name == "convert --render":
            convert.append("--render")
        start = time.perf_counter()
        subprocess.run(convert, check=True, capture_output=True)
        spent = time.perf_counter() - start
        if name.startswith("orbit"):
            film = [*sharp, "render", str(out), "--out", str(Path(folder) / "films"), "--size", "1536x1536", "--quiet"]
            film += ["--device", setting.device, *(("--depth",) if "depth" in name else ())]
            film += [*(("--stereo", "sbs") if "stereo" in name else ())]
            start = time.perf_counter()
            subprocess.run(film, check=True, capture_output=True)
            spent = time.perf_counter() - start
    return {"s": f"{spent:.2f}", "s a photo": f"{spent / count:.2f}"}


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


def training(setting: Setting, name: str) -> Values:
    """Samples a second of a phase, by the command."""
    phase, workers = name.split(", ")
    steps = 4 * setting.runs
    data = f'kind = "photos"\npath = "{PHOTOS[0].parent}"' if phase == "self" else 'kind = "scenes"'
    config = f"""phase = "{phase}"
init = "{setting.weights}"
steps = {steps}
batch = 1
adjust_depth = false
[data]
workers = {workers.split()[0]}
{data}
[losses.weights]
percep = 0.0
[log]
every = {steps // 2}
validate = 0
"""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "row.toml").write_text(config)
        out = Path(folder) / "run"
        words = ["train", str(Path(folder) / "row.toml"), "--out", str(out), "--device", setting.device, "--quiet"]
        subprocess.run([sys.executable, "-m", "sharp_cli", *words], check=True, capture_output=True)
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return {"samples a second": f"{lines[-1]['samples_per_s']:.2f}"}


def suite(setting: Setting, name: str) -> Values:
    """The tests that need a GPU, and all others."""
    command = [sys.executable, "-m", "pytest", "-q", *(("-m", "gpu") if name == "gpu" else ())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return {"result": done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-200:]}


ROWS: dict[str, tuple[Callable[[Setting, str], Values], tuple[str, ...]]] = {
    "tests": (suite, ("gpu", "whole suite")),
    "precision": (precision, ("fp32", "fp32 with TF32", "bf16", "fp16")),
    "stages": (stages, ("fp32", "bf16", "fp16")),
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
        ("one photo", "batch of 20", "convert --render", "orbit at 1536²", "orbit with depth", "orbit in stereo"),
    ),
    "compile": (compiled, ("torch.compile",)),
    "training": (
        training,
        (
            *(f"{phase}, 2 workers" for phase in ("coarsest", "coarse", "depth", "full", "self")),
            *(f"full, {workers} workers" for workers in (0, 4, 8)),
        ),
    ),
}


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
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.rehearse and not torch.cuda.is_available():
        print("torch finds no CUDA device here, so nothing was measured.")
        return
    if given.weights:
        from sharp_cli.weights.resolve import resolve

        weights = resolve(given.weights)
    else:
        weights = make_full_size(Path(tempfile.gettempdir()) / "sharp-full-size.safetensors")
    setting = Setting("cpu" if given.rehearse else "cuda", weights, given.runs)
    if given.one:
        table, name = given.one
        print(json.dumps(ROWS[table][0](setting, name)))
        return
    words = ["--weights", str(weights), "--runs", str(given.runs), *(["--rehearse"] if given.rehearse else [])]
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
