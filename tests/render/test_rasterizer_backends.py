"""How backends are chosen and loaded; and that gsplat renders the same images, on a GPU or through CPU twins."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from dense_rasterizer import random_gaussians, turned_camera
from filelock import FileLock, Timeout
from gsplat_twins import pretend_cuda
from splats import grid_splat
from torch import Tensor

from sharp_cli.cameras.trajectories import trajectory
from sharp_cli.errors import SharpError
from sharp_cli.render.backends import cuda
from sharp_cli.render.backends.choose import choose_backend
from sharp_cli.render.backends.cpu import blending
from sharp_cli.render.rasterizer import Rendering, rasterize
from sharp_cli.render.views import render_views

VIEWMAT, K = turned_camera()
CAMERA = {"viewmats": VIEWMAT[None], "Ks": K[None], "width": 50, "height": 40}


@pytest.fixture(autouse=True)
def forget() -> None:
    cuda.check_gsplat.cache_clear()


def test_asking_for_cuda_without_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SharpError, match="no CUDA device"):
        rasterize(**random_gaussians(0, 3), **CAMERA, backend="cuda")


def pretend_gsplat(monkeypatch: pytest.MonkeyPatch, version: str, kernels: object) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    backend = ModuleType("gsplat.cuda._backend")
    backend._C = kernels
    for name, module in [("gsplat", ModuleType("gsplat")), ("gsplat.cuda._backend", backend)]:
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)


def test_gsplat_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gsplat(monkeypatch, "1.5.3", object())
    monkeypatch.setitem(sys.modules, "gsplat", None)
    with pytest.raises(SharpError, match=r"cannot load gsplat.*CUDA toolkit"):
        cuda.load_gsplat()


@pytest.mark.parametrize("version", ["1.4.0", "1.6.0", "1.10.0"])
def test_gsplat_of_another_series(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    pretend_gsplat(monkeypatch, version, object())
    with pytest.raises(SharpError, match=f"{version} is installed"):
        cuda.load_gsplat()


def test_gsplat_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gsplat(monkeypatch, "1.5.3+pt24cu124", None)
    with pytest.raises(SharpError, match="no CUDA toolkit"):
        cuda.load_gsplat()


def test_a_working_gsplat_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gsplat(monkeypatch, "1.5.9", object())
    assert cuda.load_gsplat() is sys.modules["gsplat"]


@pytest.mark.parametrize("built", [True, False])
def test_whoever_compiles_the_kernels_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, built: bool
) -> None:
    pretend_gsplat(monkeypatch, "1.5.3", object())
    kernels = sys.modules["gsplat.cuda._backend"]
    monkeypatch.delitem(sys.modules, "gsplat.cuda._backend")
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("torch.utils.cpp_extension._get_build_directory", lambda *_, **__: str(tmp_path / "build"))
    held: list[bool] = []

    def load(name: str) -> ModuleType:
        other = FileLock(tmp_path / "gsplat_cuda.sharp.lock", timeout=0, is_singleton=False)
        if name.endswith("_backend"):
            with pytest.raises(Timeout):
                other.acquire()
            held.append(True)
            return kernels
        return sys.modules[name]

    monkeypatch.setattr(cuda.importlib, "import_module", load)
    (tmp_path / "build").mkdir()
    if built:
        (tmp_path / "build" / "gsplat_cuda.so").touch()
    cuda.load_gsplat()
    assert held == [True]
    assert [("minutes" in record.message) for record in caplog.records] == ([] if built else [True])


def test_the_choice_of_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [choose_backend(device, warn=warnings.append) for device in ("auto", "cpu", "mps")] == ["cpu"] * 3
    with pytest.raises(SharpError, match="no CUDA device"):
        choose_backend("cuda")
    assert warnings == []

    with monkeypatch.context() as patch:
        pretend_cuda(patch)
        names = ("auto", "cuda", torch.device("cuda:0"), "cpu")
        assert [choose_backend(device) for device in names] == ["cuda"] * 3 + ["cpu"]

    cuda.check_gsplat.cache_clear()
    pretend_gsplat(monkeypatch, "1.4.0", object())
    assert choose_backend("auto", warn=warnings.append) == "cpu"
    assert len(warnings) == 1 and "rendering on the CPU" in warnings[0] and "1.4.0" in warnings[0]
    with pytest.raises(SharpError, match=r"1\.4\.0"):
        choose_backend("cuda")


def test_kernels_that_load_but_do_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    rendering = pretend_cuda(monkeypatch)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

    monkeypatch.setattr(rendering, "fully_fused_projection", fail)
    warnings: list[str] = []
    assert choose_backend("auto", warn=warnings.append) == "cpu"
    assert "no kernel image" in warnings[0]
    # what convert --render does: frames come from the CPU
    (picture,) = render_views(grid_splat(), trajectory("still", grid_splat(), frames=1, size=32))
    assert picture.alpha.max() > 0.9


def results(scene: dict[str, Tensor], backend: str, **options) -> tuple[Rendering, dict[str, Tensor]]:
    """What a backend renders, and the gradient of a number that depends on all of it."""
    variables = {name: tensor.clone().requires_grad_() for name, tensor in scene.items()}
    rendering = rasterize(**variables, **{**CAMERA, **options}, backend=backend)
    draw = torch.Generator().manual_seed(1)
    sum((torch.randn(picture.shape, generator=draw) * picture).sum() for picture in rendering).backward()
    return rendering, {name: variable.grad for name, variable in variables.items()}


@pytest.mark.parametrize("kind", ["axes", "covariances", "double", "eps2d", "opaque"])
def test_gsplats_python_side_renders_and_differentiates_as_we_do(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    pretend_cuda(monkeypatch)
    scene = random_gaussians(0, 30)
    scene["means"][3, 0], scene["opacities"][4] = float("nan"), 0.001
    options = {"near": 1.5, "far": 3.5, "background": torch.tensor([0.1, 0.5, 0.9])}
    if kind == "covariances":  # not symmetric: the symmetric part counts
        axes = torch.randn(30, 3, 3, generator=torch.Generator().manual_seed(0))
        skew = 1e-3 * torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 0]])
        del scene["quats"], scene["scales"]
        scene["covars"] = 0.02 * axes @ axes.mT + skew
    elif kind == "double":
        scene = {name: tensor.double() for name, tensor in scene.items()}
    elif kind == "eps2d":
        cameras = [turned_camera(shift) for shift in (0.0, 0.2)]
        options |= {"viewmats": torch.stack([v for v, _ in cameras]), "Ks": torch.stack([k for _, k in cameras])}
        options["eps2d"] = 0.3
    elif kind == "opaque":
        scene["opacities"][:] = 1.0
    (ours, our_gradients), (theirs, their_gradients) = (results(scene, name, **options) for name in ("cpu", "cuda"))
    for name, our, their in zip(Rendering._fields, ours, theirs, strict=True):
        error = (our - their).abs()
        assert error.max() <= 2e-3 and error.mean() <= 1e-5, name
    for name, our in our_gradients.items():
        assert our.dtype == their_gradients[name].dtype == scene[name].dtype
        assert (our - their_gradients[name]).abs().max() <= 1e-2 * our.abs().max(), name


def test_an_empty_scene_keeps_its_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_cuda(monkeypatch)
    empty = {name: tensor[:0] for name, tensor in random_gaussians(0, 1).items()}
    broken = random_gaussians(0, 1)
    broken["colors"][:] = float("nan")
    for scene in (empty, broken):
        rendering, gradients = results(scene, "cuda")
        assert not rendering.alpha.any() and rendering.color.shape == (1, 40, 50, 3)
        assert all(not gradient.any() for gradient in gradients.values())


def test_the_cap_of_alpha_is_gsplats() -> None:
    """1.6 caps at 0.99: a new series must be compared before it may be used."""
    gsplat = pytest.importorskip("gsplat", reason="needs gsplat")
    folder = Path(gsplat.__file__).parent / "cuda" / "csrc"
    for kernel in ("RasterizeToPixels3DGSFwd.cu", "RasterizeToPixels3DGSBwd.cu"):
        assert f"min({blending.MOST_OPAQUE:g}f, opac" in (folder / kernel).read_text()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("covariances", [False, True])
def test_gsplat_renders_and_differentiates_as_we_do(covariances: bool) -> None:
    scene = random_gaussians(0, 60)
    scene["quats"][3] = 0  # dropped by both
    if covariances:
        axes = torch.randn(60, 3, 3, generator=torch.Generator().manual_seed(0))
        scene = {name: scene[name] for name in ("means", "opacities", "colors")} | {"covars": 0.02 * axes @ axes.mT}
    results = {}
    for device in ("cpu", "cuda"):
        variables = {name: tensor.to(device).requires_grad_() for name, tensor in scene.items()}
        camera = {name: value.to(device) if torch.is_tensor(value) else value for name, value in CAMERA.items()}
        rendering = rasterize(**variables, **camera, eps2d=0.1, background=torch.tensor([0.1, 0.5, 0.9], device=device))
        assert rendering.color.device.type == device
        (rendering.color.square().sum() + rendering.alpha.sum() + 0.1 * rendering.depth.sum()).backward()
        gradients = {name: variable.grad.cpu() for name, variable in variables.items()}
        results[device] = ([picture.detach().cpu() for picture in rendering], gradients)
    for ours, theirs in zip(results["cpu"][0], results["cuda"][0], strict=True):
        assert (ours - theirs).abs().max() <= 2e-3 and (ours - theirs).abs().mean() <= 1e-4
    for name, ours in results["cpu"][1].items():
        error = (ours - results["cuda"][1][name]).abs().max() / ours.abs().max()
        assert error <= 1e-2, name
