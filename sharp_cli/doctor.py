"""What works on this machine and what does not, each with its remedy: ``sharp doctor``."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from sharp_cli.errors import SharpError, install_extra
from sharp_cli.version import __version__

Level = Literal["ok", "note", "problem"]

PACKAGES: tuple[str, ...] = (
    "torch",
    "timm",
    "numpy",
    "numba",
    "pillow",
    "plyfile",
    "av",
    "safetensors",
    "huggingface-hub",
)
if sys.platform != "darwin":
    PACKAGES += ("gsplat",)
EXTRAS = {
    "heic": ("pillow_heif", "HEIC photos"),
    "gpu": ("wgpu", "rendering on other GPUs"),
    "eval": ("torchmetrics", "LPIPS and DISTS"),
    "train": ("tensorboard", "training curves"),
    "sfm": ("pycolmap", "cameras of photos for sharp merge"),
    "usd": ("pxr", ".usdz files"),
    "serve": ("starlette", "sharp serve"),
    "watch": ("watchfiles", "sharp watch"),
    "ray": ("ray", "batches on Ray clusters"),
    "cloud": ("fsspec", "object stores"),
}
OFFLINE = ("HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HOME", "SHARP_CACHE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
LITTLE_SPACE = 1 << 30
PROBE_SIDE, PROBE_SECONDS = 512, 0.5
ANSWER_SECONDS = 4.0


class Finding(NamedTuple):
    """One thing that was looked at."""

    subject: str
    level: Level
    """``problem``: the main job, photo to splat, cannot run."""
    text: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, one finding at a time; a check that fails becomes a finding itself."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        versions, devices, speed, weights, extras, encoder, viewer, space, network, names,
    )  # fmt: skip
    for check in checks:
        try:
            yield from check()
        except Exception as error:
            yield Finding(check.__name__, "problem", f"{type(error).__name__}: {error}", "report this as an issue")


def versions() -> Iterator[Finding]:
    """This package, Python, the system, and the packages that matter."""
    system = f"Python {platform.python_version()}, {platform.system()} {platform.release()} ({platform.machine()})"
    yield Finding("sharp", "ok", f"{__version__}, {system}")
    found, missing = [], []
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    yield Finding("packages", "ok", ", ".join(found))
    if missing:
        yield Finding("packages", "problem", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    try:
        importlib.import_module("timm.models.vision_transformer")
    except Exception as error:  # mostly a torchvision that was built for another torch
        remedy = "install torch and torchvision again, both from one index"
        yield Finding("timm", "problem", f"cannot be loaded: {error}", remedy)


def devices() -> Iterator[Finding]:
    """Which devices torch has, and what ``auto`` chooses."""
    import torch

    from sharp_cli.model.precision import choose_dtype
    from sharp_cli.runtime.devices import choose_device

    yield Finding("CPU", "ok", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads{_memory()}")
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield Finding("GPU", "ok", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
    driver = shutil.which("nvidia-smi")
    if torch.cuda.device_count() == 0 and not driver:
        yield Finding("GPU", "ok", "none that torch can use: the CPU does all work")
    elif torch.cuda.device_count() == 0:
        remedy = "install a torch build for your CUDA version, see pytorch.org/get-started"
        yield Finding("GPU", "note", f"an NVIDIA driver is here, but torch {torch.__version__} finds no GPU", remedy)
    if find_spec("wgpu"):
        yield _webgpu()
    device = choose_device("auto")
    precision = str(choose_dtype("auto", device)).removeprefix("torch.")
    yield Finding("device", "ok", f"auto chooses {device.type}, precision {precision}")


def speed() -> Iterator[Finding]:
    """Half a second of matrix products on the CPU, in the way that the network spends its time."""
    import torch

    a = torch.rand(PROBE_SIDE, PROBE_SIDE)
    products, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < PROBE_SECONDS:
        a @ a
        products += 1
    rate = 2 * PROBE_SIDE**3 * products / spent / 1e9
    yield Finding("speed", "ok", f"{rate:,.0f} GFLOP/s in fp32 on the CPU")


def weights() -> Iterator[Finding]:
    """Where each of the known weights lies, and whether the bundled ones can be read."""
    from sharp_cli.weights.catalog import KNOWN, Bundled
    from sharp_cli.weights.read import read_weights
    from sharp_cli.weights.store import cached_path, find

    for name, known in KNOWN.items():
        path = find(known)
        if path is None:
            bundled = isinstance(known, Bundled)
            if not isinstance(known, Bundled) and (wrong := cached_path(known)).exists():
                remedy = f"sharp weights remove {name}, then sharp weights download {name}"
                yield Finding(f"weights {name}", "note", f"{wrong} is damaged: not {known.size:,} bytes", remedy)
                continue
            remedy = "install sharp-cli again" if bundled else f"sharp weights download {name}"
            yield Finding(f"weights {name}", "problem" if bundled else "note", "not on this machine", remedy)
            continue
        try:
            if isinstance(known, Bundled):
                read_weights(path)
            yield Finding(f"weights {name}", "ok", str(path))
        except SharpError as error:
            yield Finding(f"weights {name}", "problem", str(error), "install sharp-cli again")


def extras() -> Iterator[Finding]:
    """Optional parts, and how to get those that are missing."""
    for extra, (module, purpose) in EXTRAS.items():
        if find_spec(module):
            yield Finding(f"extra {extra}", "ok", purpose)
        else:
            yield Finding(f"extra {extra}", "note", f"not installed: {purpose}", install_extra(extra))


def encoder() -> Iterator[Finding]:
    """Whether films can be written."""
    av = importlib.import_module("av")
    try:
        av.codec.Codec("libx264", "w")
    except Exception:
        yield Finding("film", "note", "PyAV lacks the H.264 encoder, so .mp4 fails", "pip install --force-reinstall av")
        return
    yield Finding("film", "ok", f"H.264 by PyAV {av.__version__}")


def viewer() -> Iterator[Finding]:
    """Whether the viewer's files are here."""
    import sharp_cli

    page = Path(sharp_cli.__file__).parent / "viewer" / "vendor" / "supersplat-viewer" / "index.js"
    if page.is_file():
        yield Finding("viewer", "ok", "its files are complete")
    else:
        yield Finding("viewer", "note", f"{page} is missing, so view and export fail", "install sharp-cli again")


def space() -> Iterator[Finding]:
    """Free space, and whether the cache can be written."""
    from sharp_cli.weights.store import cache_folder

    folders = [("here", Path.cwd())]
    try:
        folders.append(("cache", cache_folder()))
    except SharpError as error:
        yield Finding("cache", "note", str(error))
    for subject, folder in folders:
        there = folder
        while not there.exists() and there != there.parent:
            there = there.parent
        if not there.is_dir():
            yield Finding(subject, "note", f"{there} is not a folder", "set SHARP_CACHE to another folder")
            continue
        free = shutil.disk_usage(there).free
        text = f"{folder}: {free / 2**30:.1f} GiB free"
        if not os.access(there, os.W_OK):
            remedy = "set SHARP_CACHE to another folder" if subject == "cache" else "write results elsewhere"
            yield Finding(subject, "note", f"{folder} is read-only", remedy)
        elif free < LITTLE_SPACE:
            yield Finding(subject, "note", text, "make room: a photo takes 66 MB, the released weights 2.8 GB")
        else:
            yield Finding(subject, "ok", text)


def network() -> Iterator[Finding]:
    """Settings that decide whether a download gets through."""
    chosen = {name: os.environ[name] for name in (*OFFLINE, *PROXIES) if os.environ.get(name)}
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        yield Finding("network", "note", "HF_HUB_OFFLINE is set: nothing is downloaded", "unset HF_HUB_OFFLINE")
    elif not _answers():
        remedy = "look at the proxy, or take the file from another machine; --weights preview needs no network"
        yield Finding(
            "network", "note", "the model hub does not answer: the released weights cannot be fetched", remedy
        )
    if chosen:
        yield Finding("network", "ok", ", ".join(f"{name}={_masked(value)}" for name, value in chosen.items()))


def names() -> Iterator[Finding]:
    """Other programs called sharp on the PATH: one from npm, and the published tool's."""
    found: list[str] = []
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        program = shutil.which("sharp", path=folder) if folder else None
        if program and Path(program).resolve() not in [Path(other).resolve() for other in found]:
            found.append(program)
    ours = Path(sys.executable).parent
    if found and Path(found[0]).parent.resolve() != ours.resolve():
        remedy = "run python -m sharp_cli, or put its folder first on the PATH"
        yield Finding("command", "note", f"sharp on the PATH is {found[0]}, not this program in {ours}", remedy)
    elif len(found) > 1:
        yield Finding("command", "ok", f"{found[0]}; behind it also {', '.join(found[1:])}")


def _webgpu() -> Finding:
    """The adapter that renders by WebGPU."""
    from sharp_cli.render.backends.webgpu.device import find_adapter, is_software

    try:
        adapter = find_adapter()
    except SharpError as error:
        return Finding("WebGPU", "note", str(error))
    name = f"{adapter.info['device']} ({adapter.info['backend_type']})"
    if is_software(adapter):
        return Finding("WebGPU", "ok", f"{name}: software, so auto renders on the CPU")
    return Finding("WebGPU", "ok", name)


def _answers() -> bool:
    """Whether the model hub answers within a few seconds."""
    import httpx
    from huggingface_hub import constants

    try:
        httpx.head(constants.ENDPOINT, timeout=ANSWER_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return False
    return True


def _memory() -> str:
    try:
        return f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB memory"
    except (AttributeError, ValueError, OSError):  # Windows
        return ""


def _masked(value: str) -> str:
    """A proxy's address without its password."""
    scheme, mark, rest = value.rpartition("://")
    return f"{scheme}{mark}***@{rest.rpartition('@')[2]}" if "@" in rest else value
