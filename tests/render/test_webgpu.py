"""The WebGPU backend against golden images, the plain float64 renderer, and the CPU backend."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from dense_rasterizer import HEIGHT, WIDTH, random_gaussians, render_dense, turned_camera
from PIL import Image
from safetensors.torch import load_file
from splats import grid_splat, hostile_splat, random_splat
from torch import Tensor

from sharp_cli.cameras.trajectories import trajectory
from sharp_cli.errors import SharpError
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.render.backends import choose
from sharp_cli.render.backends.webgpu import device
from sharp_cli.render.backends.webgpu.sort import exclusive_scan, radix_sort
from sharp_cli.render.film import render_film
from sharp_cli.render.rasterizer import Rendering, rasterize
from sharp_cli.render.views import render_views

VIEWMAT, K = turned_camera()
CLOSE = 2 / 255


@pytest.fixture(scope="module")
def gpu() -> device.Gpu:
    """Any device, software too."""
    try:
        return device.open_gpu()
    except SharpError as error:
        pytest.skip(str(error))


def render(scene: dict[str, Tensor], width: int = WIDTH, height: int = HEIGHT, **options) -> Rendering:
    options = {"backend": "webgpu", **options}
    return rasterize(**scene, viewmats=VIEWMAT[None], Ks=K[None], width=width, height=height, **options)


def assert_close(rendering: Rendering, expected: Rendering, most: float = CLOSE, mean: float = 1e-4) -> None:
    """Single pixels may fall on the other side of alpha 1/255, where splats end."""
    for name, result, wanted in zip(Rendering._fields, rendering, expected, strict=True):
        error = (result.double() - wanted).abs()
        assert error.max() <= most and error.mean() <= mean, (name, error.max(), error.mean())


@pytest.mark.parametrize("scene", ["a", "b", "c"])
def test_golden_scenes(gpu: device.Gpu, data: Path, scene: str) -> None:
    golden = {name[2:]: t for name, t in load_file(data / "raster.safetensors").items() if name.startswith(scene)}
    height, width = golden["alpha"].shape
    rendering = rasterize(
        **{name: golden[name] for name in ("means", "opacities", "colors", "scales")},
        viewmats=golden["viewmat"][None],
        Ks=golden["K"][None],
        width=width,
        height=height,
        quats=golden["quaternions"],
        eps2d=float(golden["eps2d"]),
        background=golden["background"].expand(3),
        backend="webgpu",
    )
    assert_close(rendering, Rendering(*(golden[name][None] for name in ("color", "alpha", "depth"))))


@pytest.mark.parametrize(("count", "width", "height", "eps2d"), [(1, 1, 1, 0), (7, 70, 3, 0.3), (40, 33, 64, 0)])
def test_any_scene_and_size_as_the_plain_renderer(
    gpu: device.Gpu, count: int, width: int, height: int, eps2d: float
) -> None:
    scene = random_gaussians(count, count)
    rendering = render(scene, width, height, eps2d=eps2d, background=torch.full((3,), 0.25))
    expected = render_dense(scene, VIEWMAT, K, width, height, eps2d, 0.25)
    assert_close(rendering, Rendering(*(picture[None] for picture in expected)))


def test_long_thin_splats(gpu: device.Gpu) -> None:
    scene = random_gaussians(3, 12)
    scene["scales"] = torch.tensor([[2.0, 0.002, 0.002]]).expand(12, 3)
    assert_close(render(scene, eps2d=1e-3), render(scene, eps2d=1e-3, backend="cpu"))


def test_many_gaussians_and_tiles(gpu: device.Gpu) -> None:
    scene = random_gaussians(7, 70_000)
    scene["scales"] *= 0.02
    first, again, expected = (render(scene, 300, 200, backend=name) for name in ("webgpu", "webgpu", "cpu"))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert_close(first, expected)


def test_a_batch_of_cameras_with_backgrounds(gpu: device.Gpu) -> None:
    scene = random_gaussians(6, 30)
    cameras = [turned_camera(shift) for shift in (0.0, 0.1, -0.2)]
    viewmats, intrinsics = (torch.stack(tensors) for tensors in zip(*cameras, strict=True))
    shared = {"viewmats": viewmats, "Ks": intrinsics, "width": 45, "height": 33, "background": torch.rand(3, 3)}
    assert_close(rasterize(**scene, **shared, backend="webgpu"), rasterize(**scene, **shared))


def test_nothing_to_see_is_background(gpu: device.Gpu) -> None:
    empty = {name: tensor[:0] for name, tensor in random_gaussians(0, 1).items()}
    behind = random_gaussians(0, 9)
    behind["means"][:, 2] *= -1
    background = torch.tensor([0.1, 0.2, 0.3])
    for scene in (empty, behind):
        rendering = render(scene, background=background)
        assert torch.equal(rendering.color, background.expand_as(rendering.color))
        assert not rendering.alpha.any() and not rendering.depth.any()


def test_near_far_and_broken_gaussians(gpu: device.Gpu) -> None:
    scene = random_gaussians(8, 30)
    nan, infinity = float("nan"), float("inf")
    broken = [("means", [nan, 0, 1]), ("means", [3e38, 0, 1]), ("quats", [0, 0, 0, 0]), ("scales", [0, 0, 0])]
    broken += [("scales", [0.1, infinity, 0.1]), ("opacities", nan), ("opacities", -1.0), ("colors", [0, nan, 0])]
    for i, (name, value) in enumerate(broken):
        scene[name][i] = torch.tensor(value)
    assert_close(render(scene, near=1.5, far=3), render(scene, near=1.5, far=3, backend="cpu"))


@pytest.mark.parametrize("scale", [1e3, 1e9, 1e18])
def test_huge_gaussians(gpu: device.Gpu, scale: float) -> None:
    scene = random_gaussians(10, 3)
    scene["scales"][1], scene["opacities"][1] = scale, 0.5
    rendering = render(scene)
    assert all(picture.isfinite().all() for picture in rendering)
    assert scale > 1e10 or rendering.alpha.min() >= 0.49


@pytest.mark.parametrize("blending", ["linear", "srgb"])
@pytest.mark.parametrize("splat", [grid_splat(), random_splat(degree=2)])
def test_splats_as_the_cpu_renders_them(gpu: device.Gpu, splat: Gaussians, blending: str) -> None:
    splat = replace(splat, blending=blending)
    views = trajectory("orbit", splat, frames=2, size=96)
    background = torch.tensor([0.2, 0.6, 1.0])
    pairs = (render_views(splat, views, background=background, backend=name) for name in ("webgpu", "cpu"))
    for ours, expected in zip(*pairs, strict=True):
        assert_close(Rendering(ours.color, ours.alpha, torch.zeros(1)), expected._replace(depth=torch.zeros(1)))
        solid = expected.alpha > 0.5
        torch.testing.assert_close(ours.depth[solid], expected.depth[solid], rtol=1e-2, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("blending", ["linear", "srgb"])
def test_a_predicted_splat(gpu: device.Gpu, data: Path, blending: str) -> None:
    from sharp_cli import load_predictor

    splat = replace(load_predictor("preview", device="cpu").predict(data / "rocket.jpg"), blending=blending)
    views = trajectory("orbit", splat, frames=2, size=320)
    background = torch.tensor([0.2, 0.5, 0.9])
    pairs = (render_views(splat, views, background=background, backend=name) for name in ("webgpu", "cpu"))
    for ours, expected in zip(*pairs, strict=True):
        assert_close(ours, expected, mean=1e-5)


def test_a_film(gpu: device.Gpu, tmp_path: Path) -> None:
    settings = {"trajectory": "still", "frames": 1, "size": 64, "background": (10, 200, 90), "depth": True}
    for backend in ("webgpu", "cpu"):
        render_film(grid_splat(), tmp_path / backend, backend=backend, **settings)
    for folder, most in (("", 2), ("-depth", 1)):
        ours, expected = (
            np.asarray(Image.open(next((tmp_path / f"{name}{folder}").glob("*.png")))).astype(int)
            for name in ("webgpu", "cpu")
        )
        assert np.abs(ours - expected).max() <= most


def test_hostile_values(gpu: device.Gpu) -> None:
    splat = hostile_splat()
    (rendering,) = render_views(splat, trajectory("still", splat, frames=1, size=96), backend="webgpu")
    assert all(picture.isfinite().all() for picture in rendering) and rendering.alpha.max() > 0.9


def test_sorting_and_sums(gpu: device.Gpu) -> None:
    draw = np.random.default_rng(0)
    for count, bits in itertools.product((1, 300, 5000), (8, 12, 32)):
        numbers = draw.integers(0, 1 << min(bits, 10), count).astype(np.uint32)
        with gpu.lock:
            summed, keys = gpu.upload("test sums", numbers), gpu.upload("test keys", numbers)
            ids = gpu.upload("test ids", np.arange(count, dtype=np.uint32))
            encoder = gpu.device.create_command_encoder()
            steps = encoder.begin_compute_pass()
            exclusive_scan(gpu, steps, "test sums", summed, count)
            keys, ids = radix_sort(gpu, steps, "test", keys, ids, count, bits)
            steps.end()
            gpu.device.queue.submit([encoder.finish()])
            results = [gpu.read(buffer, np.uint32, count) for buffer in (summed, keys, ids)]
        expected = [np.cumsum(numbers) - numbers, np.sort(numbers), np.argsort(numbers, kind="stable")]
        for found, wanted in zip(results, expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_gradients_are_refused(gpu: device.Gpu) -> None:
    scene = random_gaussians(0, 3)
    scene["colors"].requires_grad_()
    with pytest.raises(ValueError, match="no gradient"):
        render(scene)
    with torch.no_grad():
        render(scene)


def test_a_scene_beyond_the_devices_buffers(gpu: device.Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "largest", 4096)
    with pytest.raises(SharpError, match="render on the CPU") as caught:
        render(random_gaussians(0, 2000))
    assert caught.value.code == "out_of_memory"


def adapter(kind: str, name: str) -> SimpleNamespace:
    return SimpleNamespace(info={"adapter_type": kind, "device": name, "description": ""})


def test_auto_takes_real_gpus_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for found, chosen in [
        (adapter("DiscreteGPU", "Radeon"), "webgpu"),
        (adapter("IntegratedGPU", "Apple M3"), "webgpu"),
        (adapter("CPU", "llvmpipe"), "cpu"),
        (adapter("DiscreteGPU", "Microsoft Basic Render Driver"), "cpu"),
    ]:
        monkeypatch.setattr(device, "find_adapter", lambda found=found: found)
        assert choose.choose_backend("auto") == chosen
        assert choose.choose_backend("cpu") == "cpu"


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device, "find_spec", lambda _: None)
    device.find_adapter.cache_clear()
    device.open_gpu.cache_clear()
    assert choose.choose_backend("auto") == "cpu"
    with pytest.raises(SharpError, match=r"'\.\[gpu\]'") as caught:
        choose.choose_backend("webgpu")
    assert caught.value.code == "no_device"
