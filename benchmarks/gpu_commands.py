"""Rows of benchmarks/gpu.py that run commands: the tests, gsplat's build, and sharp itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gpu_rows import PHOTOS, ROOT, Setting, Values, network_alone


def command(setting: Setting, name: str) -> Values:
    """Seconds of a command, start included."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        photos, out = Path(folder) / "photos", Path(folder) / "out"
        photos.mkdir()
        count = (3 if setting.tiny else 20) if name == "batch of 20" else 1
        for i in range(count):
            Image.open(PHOTOS[i % 4]).save(photos / f"{i}.jpg")
        sharp = [sys.executable, "-m", "sharp_cli"]
        convert = [*sharp, "convert", str(photos), "--out", str(out), "--weights", str(setting.weights)]
        convert += ["--device", setting.device, "--quiet"]
        if name.startswith("convert --render"):
            convert.append("--render")
        hidden = hide_gsplat(Path(folder)) if name.endswith("without gsplat") else dict(os.environ)
        start = time.perf_counter()
        subprocess.run(convert, check=True, capture_output=True, env=hidden)
        spent = time.perf_counter() - start
        if name.startswith("orbit"):
            size = "96x96" if setting.tiny else "1536x1536"
            film = [*sharp, "render", str(out), "--out", str(Path(folder) / "films"), "--size", size, "--quiet"]
            film += ["--device", setting.device, *(("--depth",) if "depth" in name else ())]
            film += [*(("--stereo", "sbs") if "stereo" in name else ())]
            start = time.perf_counter()
            subprocess.run(film, check=True, capture_output=True)
            spent = time.perf_counter() - start
    alone = f"{network_alone(setting):.2f}" if name in ("one photo", "batch of 20") else ""
    return {"s": f"{spent:.2f}", "s a photo": f"{spent / count:.2f}", "network alone s": alone}


def hide_gsplat(folder: Path) -> dict[str, str]:
    """An environment in which gsplat cannot be imported."""
    (folder / "gsplat").mkdir()
    (folder / "gsplat" / "__init__.py").write_text("raise ImportError('hidden')\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def gsplat(setting: Setting, name: str) -> Values:
    """Seconds until gsplat's kernels run, and the rasterizer's tests against them."""
    check = "from sharp_cli.render.backends.cuda import check_gsplat; check_gsplat()"
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "NO_FAST_MATH": "1" if name.endswith("without fast math") else "0"}
        if name.startswith("built"):
            env["TORCH_EXTENSIONS_DIR"] = folder
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", check], env=env, cwd=ROOT, capture_output=True, text=True)
        spent = time.perf_counter() - start
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        tests = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/render"]
        twins = subprocess.run(tests, env=env, cwd=ROOT, capture_output=True, text=True)
    return {"s until it runs": f"{spent:.1f}", "said": said[:120], "tests": twins.stdout.strip().splitlines()[-1]}


def training(setting: Setting, name: str) -> Values:
    """Samples a second of a phase, by the command; of two ranks, or after a run was resumed."""
    phase, workers = name.split(", ")
    ranks = 2 if workers == "2 ranks" else 1
    steps = 4 * setting.runs
    data = f'kind = "photos"\npath = "{PHOTOS[0].parent}"' if phase == "self" else 'kind = "scenes"'
    config = f"""phase = "{phase}"
init = "{setting.weights}"
steps = {steps}
batch = 1
adjust_depth = false
[data]
workers = {workers.split()[0] if "workers" in workers else 2}
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
        starter = ["torch.distributed.run", "--nproc-per-node", "2", "-m"] if ranks == 2 else []
        command = [sys.executable, "-m", *starter, "sharp_cli", *words]
        if workers == "resumed":
            subprocess.run([*command, "--set", f"steps={steps // 2}"], check=True, capture_output=True)
        subprocess.run(command, check=True, capture_output=True)
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return {"samples a second": f"{lines[-1]['samples_per_s']:.2f}"}


def suite(setting: Setting, name: str) -> Values:
    """The tests that need a GPU, and all others."""
    command = [sys.executable, "-m", "pytest", "-q", *(("-m", "gpu") if name == "gpu" else ())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return {"result": done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-200:]}
