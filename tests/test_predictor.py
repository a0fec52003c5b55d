"""The library's three lines, on a real photo with a small network of random weights."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import sharp_cli
from sharp_cli import Camera, Gaussians, load_predictor, read_ply, write_ply
from sharp_cli import predictor as module
from sharp_cli.errors import SharpError
from sharp_cli.gaussians.covariance import rotation_from_quats
from sharp_cli.photo import FocalOverride, as_photo
from sharp_cli.predictor import Predictor


@pytest.fixture(scope="module")
def splat(small_predictor: Predictor, data: Path) -> Gaussians:
    return small_predictor.predict(data / "china.jpg", focal_px=550.0)


def test_a_photo_becomes_metric_gaussians(splat: Gaussians) -> None:
    assert len(splat) == 1_179_648
    assert splat.camera == Camera(640, 427, 550.0)
    assert splat.means[:, 2].min() > 0
    assert (splat.scales > 0).all()
    assert (splat.opacities > 0).all() and (splat.opacities < 1).all()
    assert (splat.colors >= 0).all() and (splat.colors <= 1).all()
    determinants = torch.linalg.det(rotation_from_quats(splat.quats[::1000]))
    torch.testing.assert_close(determinants, torch.ones_like(determinants))


def test_gaussians_lie_where_their_pixels_are(splat: Gaussians) -> None:
    """Without its small learned offset, a Gaussian projects onto the center of its 2 × 2 pixels."""
    x = 550.0 * splat.means[:, 0] / splat.means[:, 2] + 320
    y = 550.0 * splat.means[:, 1] / splat.means[:, 2] + 213.5
    center = (torch.arange(768) + 0.5) / 768
    assert (x.view(2, 768, 768) - 640 * center).abs().max() < 2
    assert (y.view(2, 768, 768) - 427 * center[:, None]).abs().max() < 2


def test_the_three_lines(small_weights: Path, data: Path, tmp_path: Path) -> None:
    predictor = load_predictor(small_weights, device="cpu")
    gaussians = predictor.predict(data / "rocket.jpg")
    write_ply(tmp_path / "rocket.ply", gaussians)
    stored = read_ply(tmp_path / "rocket.ply")
    torch.testing.assert_close(stored.means, gaussians.means)
    assert stored.facts["name"] == "random-small"
    assert "30 mm" in stored.facts["focal_from"]


def test_paths_arrays_and_images_are_the_same_photo(small_predictor: Predictor, data: Path, splat: Gaussians) -> None:
    image = Image.open(data / "china.jpg")
    for photo in (np.asarray(image), image):
        assert torch.equal(small_predictor.predict(photo, focal_px=550.0).means, splat.means)


def test_photos_of_a_batch_keep_their_own_cameras(small_predictor: Predictor, data: Path, splat: Gaussians) -> None:
    photos = [as_photo(data / "china.jpg", FocalOverride(550.0)), as_photo(data / "chelsea.png", FocalOverride(900.0))]
    first, second = small_predictor.predict_batch(photos)
    torch.testing.assert_close(first.means, splat.means, rtol=1e-4, atol=1e-5)
    assert second.camera == Camera(451, 300, 900.0)


def test_out_of_memory_falls_back_once_and_says_so(
    small_weights: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = load_predictor(small_weights, device="cpu", precision="fp32")
    calls = []

    def full(_photos: object) -> None:
        calls.append(predictor.low_vram)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(predictor, "_forward", full)
    monkeypatch.setattr(predictor, "device", torch.device("meta"))
    with pytest.warns(UserWarning, match="out of memory"), pytest.raises(SharpError) as caught:
        predictor.predict(data / "china.jpg")
    assert caught.value.code == "out_of_memory"
    with warnings.catch_warnings(), pytest.raises(SharpError, match="not enough memory for the network on meta"):
        warnings.simplefilter("error")
        predictor.predict(data / "china.jpg")
    assert calls == [False, True, True]


def test_out_of_memory_on_a_cpu_is_an_error(
    small_predictor: Predictor, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_photos: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:130] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(small_predictor, "_forward", full)
    with pytest.raises(SharpError, match="not enough memory for the network on cpu"):
        small_predictor.predict(data / "china.jpg")


def test_weights_that_the_device_cannot_hold_stay_in_main_memory(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, places = module.place_tensors, []

    def full(network: object, tensors: object, dtype: object, device: torch.device) -> None:
        places.append(device.type)
        if device.type == "meta":
            raise torch.OutOfMemoryError("CUDA out of memory")
        place(network, tensors, dtype, device)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "place_tensors", full)
    monkeypatch.setattr(module, "choose_device", torch.device)
    with pytest.warns(UserWarning, match="out of memory on meta"):
        predictor = load_predictor(tiny_weights, device="meta", precision="fp32")  # type: ignore[arg-type]
    assert places == ["meta", "cpu"] and predictor.low_vram
    assert {parameter.device.type for parameter in predictor.network.parameters()} == {"cpu"}


def test_fp16_of_auto_falls_back_once_and_says_so(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on CUDA, where auto means fp16."""
    monkeypatch.setattr(module, "choose_dtype", lambda *_: torch.float16)
    monkeypatch.setattr(module, "has_native_bf16", lambda *_: True)
    predictor = load_predictor(tiny_weights, device="cpu")
    photo = np.full((48, 64, 3), 90, np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predictor.predict(photo)
    forward = predictor.network.depth_decoder.forward

    def too_large_for_fp16(maps: list[torch.Tensor]) -> torch.Tensor:
        return forward(maps) * torch.full((), 1e38).to(maps[0].dtype) * 1e-38

    monkeypatch.setattr(predictor.network.depth_decoder, "forward", too_large_for_fp16)
    with pytest.warns(UserWarning, match="too large for fp16"):
        found = predictor.predict(photo)
    assert found.means.isfinite().all()
    assert predictor.network.backbone_dtype == torch.bfloat16
    assert predictor.network.encoder.patch_encoder.blocks[0].mlp.fc1.weight.dtype == torch.bfloat16

    chosen = load_predictor(tiny_weights, device="cpu", precision="fp16")
    monkeypatch.setattr(chosen.network.depth_decoder, "forward", too_large_for_fp16)
    with pytest.raises(SharpError, match="not finite"):
        chosen.predict(photo)


def test_a_result_that_is_not_finite_is_an_error(small_weights: Path, data: Path) -> None:
    predictor = load_predictor(small_weights, device="cpu", precision="fp32")
    predictor.network.prediction_heads.geometry.bias.data.fill_(float("nan"))
    with pytest.raises(SharpError, match="not finite"):
        predictor.predict(data / "china.jpg")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("precision", "low_vram"), [("fp32", False), ("bf16", False), ("fp16", True)])
def test_cuda_agrees_with_the_cpu(
    small_weights: Path, data: Path, splat: Gaussians, precision: str, low_vram: bool
) -> None:
    predictor = load_predictor(small_weights, device="cuda", precision=precision, low_vram=low_vram)  # type: ignore[arg-type]
    found = predictor.predict(data / "china.jpg", focal_px=550.0)
    error = (found.means.cpu()[:, 2] / splat.means[:, 2] - 1).abs()
    assert error.median() < (1e-4 if precision == "fp32" else 0.01)


def test_torchs_default_dtype_does_not_matter(tiny_weights: Path, data: Path) -> None:
    predictor = sharp_cli.load_predictor(tiny_weights, device="cpu", precision="fp32")
    expected = predictor.predict(data / "china.jpg", focal_px=550.0)
    torch.set_default_dtype(torch.float64)
    try:
        found = predictor.predict(data / "china.jpg", focal_px=550.0)
        again = sharp_cli.load_predictor(tiny_weights, device="cpu", precision="fp32").predict(data / "china.jpg")
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(found.means, expected.means)
    assert again.means.dtype == torch.float32


def test_the_focal_length_is_given_in_any_of_three_ways(tiny_weights: Path, data: Path) -> None:
    predictor = sharp_cli.load_predictor(tiny_weights, device="cpu", precision="fp32")
    photo = data / "china.jpg"
    assert predictor.predict(photo, fov=90).camera.focal_px == pytest.approx(320)
    assert predictor.predict(photo, focal_mm=43.27).camera.focal_px == pytest.approx(769, rel=0.01)
    with pytest.raises(SharpError, match="only once"):
        predictor.predict(photo, 500.0, fov=90)
    wide = predictor.predict_batch([photo, photo], fov=90)
    assert [each.camera and each.camera.focal_px for each in wide] == [pytest.approx(320)] * 2
    assert predictor.predict_batch([]) == []
    one, two = predictor.predict_batch([photo, sharp_cli.read_photo(photo)])
    torch.testing.assert_close(one.means, two.means, rtol=1e-4, atol=1e-4)


def test_the_network_reports_its_parts(small_predictor: Predictor) -> None:
    parts: list[tuple[int, int]] = []
    photo = np.zeros((8, 8, 3), np.uint8)
    with_parts = small_predictor.predict(photo, progress=lambda done, total: parts.append((done, total)))
    done = [each for each, _ in parts]
    assert done == sorted(done) and len(done) > 5
    assert parts[-1] == (1000, 1000)
    count = len(parts)
    assert small_predictor.predict(photo) == with_parts
    assert len(parts) == count, "it goes on listening"
