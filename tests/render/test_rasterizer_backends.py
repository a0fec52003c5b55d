"""How backends are chosen and loaded; and, with a GPU, that gsplat renders the same images."""

from __future__ import annotations

import importlib.metadata
import sys
from types import ModuleType

import pytest
import torch
from dense_rasterizer import random_gaussians, turned_camera

from sharp_cli.errors import SharpError
from sharp_cli.render.backends import cuda
from sharp_cli.render.backends.choose import choose_backend
from sharp_cli.render.rasterizer import rasterize

VIEWMAT, K = turned_camera()
CAMERA = {"viewmats": VIEWMAT[None], "Ks": K[None], "width": 50, "height": 40}


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
    with pytest.raises(SharpError, match=r"cannot load gsplat.*pip install 'gsplat>=1\.5'"):
        cuda.load_gsplat()


def test_gsplat_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gsplat(monkeypatch, "1.4.0", object())
    with pytest.raises(SharpError, match=r"1\.4\.0 is installed"):
        cuda.load_gsplat()


def test_gsplat_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gsplat(monkeypatch, "1.5.3+pt24cu124", None)
    with pytest.raises(SharpError, match="no CUDA toolkit"):
        cuda.load_gsplat()


def test_a_working_gsplat_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gsplat(monkeypatch, "1.10.0", object())
    assert cuda.load_gsplat() is sys.modules["gsplat"]


def test_the_choice_of_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [choose_backend(device, warn=warnings.append) for device in ("auto", "cpu", "mps")] == ["cpu"] * 3
    with pytest.raises(SharpError, match="no CUDA device"):
        choose_backend("cuda")
    assert warnings == []

    pretend_gsplat(monkeypatch, "1.10.0", object())
    assert [choose_backend(device) for device in ("auto", "cuda", torch.device("cuda:0"), "cpu")] == ["cuda"] * 3 + [
        "cpu"
    ]

    pretend_gsplat(monkeypatch, "1.4.0", object())
    assert choose_backend("auto", warn=warnings.append) == "cpu"
    assert len(warnings) == 1 and "rendering on the CPU" in warnings[0] and "1.4.0" in warnings[0]
    with pytest.raises(SharpError, match=r"1\.4\.0"):
        choose_backend("cuda")


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
