"""Metrics against values worked out by hand and, for SSIM and PSNR of photos, by scikit-image 0.26."""

from __future__ import annotations

import json
import logging
import math
import sys
import urllib.error
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.metrics import metrics
from sharp_cli.metrics.metrics import (
    MAX_PSNR,
    abs_rel,
    align_depth,
    delta_accuracy,
    load_available,
    load_dists,
    load_lpips,
    psnr,
    ssim,
)

PHOTOS = ["chelsea.png", "china.jpg", "rocket.jpg"]


def read(path: Path) -> torch.Tensor:
    """(1, 3, H, W) of float64."""
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None].double() / 255


def test_psnr_by_hand() -> None:
    true = torch.zeros(2, 3, 2, 2)
    found = torch.stack([torch.full((3, 2, 2), 0.1), torch.full((3, 2, 2), 0.5)])
    found[1, :, 0] = 0.0
    # mean squares of 0.01 and 0.125
    assert psnr(found, true).tolist() == pytest.approx([20.0, 9.0309], abs=1e-4)
    mask = torch.tensor([[1, 1], [1, 0]], dtype=torch.bool).expand(2, 1, 2, 2)
    # the second: one pixel of three is off, 0.25 / 3
    assert psnr(found, true, mask).tolist() == pytest.approx([20.0, 10.7918], abs=1e-4)
    assert psnr(found, true, mask & False).isnan().all()


@pytest.mark.parametrize("name", PHOTOS)
def test_a_picture_against_itself_is_perfect(data: Path, name: str) -> None:
    picture = read(data / name).float()
    assert psnr(picture, picture).tolist() == [MAX_PSNR]
    assert ssim(picture, picture).tolist() == pytest.approx([1.0], abs=1e-12)
    assert json.loads(json.dumps(psnr(picture, picture).item(), allow_nan=False)) == 100.0
    # the smallest difference there is still counts: one 8-bit step in one value
    other = picture.clone()
    other[0, 1, 5, 5] += 1 / 255
    assert psnr(picture, other).item() < MAX_PSNR + 1e-9
    assert ssim(picture, other).item() < 1.0


SCIKIT_IMAGE = {
    ("chelsea.png", "mirrored"): (14.617147, 0.3232657688747),
    ("chelsea.png", "darker"): (20.325555, 0.9621983742777),
    ("china.jpg", "mirrored"): (7.721847, 0.2573993071891),
    ("china.jpg", "darker"): (17.622365, 0.9627311799959),
    ("rocket.jpg", "mirrored"): (17.245417, 0.6273813637960),
    ("rocket.jpg", "darker"): (24.730856, 0.9691956205593),
}
"""peak_signal_noise_ratio, and structural_similarity with win_size=11, gaussian_weights=True, sigma=1.5,
use_sample_covariance=False, data_range=1.0, channel_axis=2."""


@pytest.mark.parametrize(("name", "change"), SCIKIT_IMAGE)
def test_photos_give_scikit_images_values(data: Path, name: str, change: str) -> None:
    photo = read(data / name)
    changed = photo.flip(3) if change == "mirrored" else 0.8 * photo
    both = psnr(changed, photo).item(), ssim(changed, photo).item()
    assert both == pytest.approx(SCIKIT_IMAGE[name, change], abs=2e-5)


def test_ssim_of_flat_pictures_is_its_brightness_term() -> None:
    a, b = torch.full((1, 3, 11, 11), 0.5), torch.full((1, 3, 11, 11), 0.25)
    # (2 · 0.125 + 0.0001) / (0.25 + 0.0625 + 0.0001)
    assert ssim(a, b).item() == pytest.approx(0.8000640, abs=1e-6)
    with pytest.raises(ValueError, match="at least 11 pixels"):
        ssim(a[..., :10], b[..., :10])


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("part", [0.001, 0.01])
def test_psnr_of_a_shifted_photo_follows_from_its_contrast_and_correlation(data: Path, name: str, part: float) -> None:
    # E (a(x) − a(x + k))² = 2 var (1 − ρ_k) round the picture's edge: what a shift costs is a property of the photo.
    # The paper's 21.3, 11.2 and 10.7 dB (shifts by 0.1 % and 1 % of the width, and the mean color) are those of
    # pictures with ρ = 0.956 and 0.554; these photos are smoother, and have other contrast.
    photo = read(data / name)
    offset = max(1, round(part * photo.shape[3]))
    centered = (photo - photo.mean(dim=(2, 3), keepdim=True)).numpy()
    variance = float((centered**2).mean())
    spectrum = np.abs(np.fft.rfft(centered, axis=3)) ** 2
    correlation = float(np.fft.irfft(spectrum, photo.shape[3], axis=3)[..., offset].mean()) / variance / photo.shape[3]

    colored = psnr(photo.mean(dim=(2, 3), keepdim=True).expand_as(photo), photo).item()
    assert colored == pytest.approx(-10 * math.log10(variance), abs=1e-6)
    shifted = psnr(photo.roll(offset, dims=3), photo).item()
    assert shifted == pytest.approx(colored - 10 * math.log10(2 * (1 - correlation)), abs=1e-6)


SENSITIVITIES = {"chelsea.png": (29.2, 21.6, 17.5), "china.jpg": (19.2, 15.9, 9.4), "rocket.jpg": (25.4, 21.4, 17.9)}
"""Measured with numpy: 0.1 % (here a whole pixel) and 1 % of the width where both pictures are, and the mean color."""


@pytest.mark.parametrize("name", SENSITIVITIES)
def test_the_papers_sensitivities_on_our_photos(data: Path, name: str) -> None:
    photo = read(data / name)
    found = []
    for part in (0.001, 0.01):
        offset = max(1, round(part * photo.shape[3]))
        found.append(psnr(photo[..., offset:], photo[..., :-offset]).item())
    found.append(psnr(photo.mean(dim=(2, 3), keepdim=True).expand_as(photo), photo).item())
    assert found == pytest.approx(SENSITIVITIES[name], abs=0.06)
    assert found == sorted(found, reverse=True)


def test_depth_metrics_by_hand() -> None:
    true = torch.tensor([1.0, 2.0, 4.0, 0.0, torch.inf, torch.nan]).view(1, 1, 2, 3)
    depth = torch.tensor([1.2, 1.0, 4.0, 9.0, 9.0, 9.0]).view(1, 1, 2, 3)
    # relative errors 0.2, 0.5 and 0; ratios 1.2, 2 and 1
    assert abs_rel(depth, true).item() == pytest.approx(0.7 / 3)
    assert delta_accuracy(depth, true).item() == pytest.approx(2 / 3)
    assert delta_accuracy(depth, true, threshold=2.5).item() == pytest.approx(1.0)
    # nothing rendered at the third: an error of 1, and not within the threshold
    depth[0, 0, 0, 2] = 0.0
    assert abs_rel(depth, true).item() == pytest.approx(1.7 / 3)
    assert delta_accuracy(depth, true).item() == pytest.approx(1 / 3)


def test_depth_is_aligned_by_the_median_ratio() -> None:
    true = torch.tensor([[1.0, 2.0, 3.0, 8.0, 0.0], [5.0, 5.0, 5.0, 5.0, 5.0]]).view(2, 1, 1, 5)
    depth = torch.tensor([[0.5, 1.0, 1.5, 1.0, 7.0], [0.0, 2.5, 5.0, 10.0, 0.0]]).view(2, 1, 1, 5)
    # ratios 2, 2, 2, 8 → 2; and 2, 1, 0.5 → 1, for holes have no say
    aligned = align_depth(depth, true)
    assert aligned.flatten(1).tolist() == [[1.0, 2.0, 3.0, 2.0, 14.0], [0.0, 2.5, 5.0, 10.0, 0.0]]
    assert abs_rel(aligned, true)[0].item() == pytest.approx(0.75 / 4)
    assert delta_accuracy(aligned, true)[0].item() == pytest.approx(0.75)
    assert torch.equal(align_depth(3.0 * depth, true), aligned)


def test_without_a_true_depth_there_is_no_number() -> None:
    nothing, depth = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert abs_rel(depth, nothing).isnan().all()
    assert delta_accuracy(depth, nothing).isnan().all()
    assert torch.equal(align_depth(depth, nothing), depth)


@pytest.mark.parametrize("load", [load_lpips, load_dists])
def test_without_torchmetrics_the_error_says_what_to_install(load: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    monkeypatch.setitem(sys.modules, "torchmetrics.image.lpip", None)
    monkeypatch.setitem(sys.modules, "torchmetrics.functional.image.dists", None)
    with pytest.raises(SharpError, match=r"pip install 'sharp-cli\[eval\]'"):
        load()  # type: ignore[operator]


def test_unavailable_metrics_are_skipped_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(_: object) -> metrics.Metric:
        raise SharpError("LPIPS is on holiday.")

    monkeypatch.setattr(metrics, "load_lpips", missing)
    monkeypatch.setattr(metrics, "load_dists", lambda _: lambda found, true: found.new_zeros(len(found)))
    with caplog.at_level(logging.WARNING):
        assert list(load_available()) == ["psnr", "ssim", "dists"]
    assert "LPIPS is on holiday." in caplog.text


@pytest.mark.parametrize("load", [load_lpips, load_dists])
def test_a_failed_download_of_a_backbone_is_reported(
    load: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torchmetrics")

    def unplugged(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network here")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", unplugged)
    with pytest.raises(SharpError, match=r"cannot download.*no network here.*TORCH_HOME"):
        load()  # type: ignore[operator]
    assert not capsys.readouterr().out, "stdout is for the results"


@pytest.mark.parametrize("load", [load_lpips, load_dists])
def test_learned_metrics_give_one_value_per_picture(load: object, monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    pytest.importorskip("torchmetrics")
    import torchvision
    from torchvision.models import vgg

    def drawn_vgg(weights: object) -> SimpleNamespace:
        return SimpleNamespace(features=vgg.make_layers(vgg.cfgs["D"]))

    # The real networks with random weights, because their own may not be on this machine.
    monkeypatch.setattr(torchvision.models, "alexnet", lambda weights, alexnet=torchvision.models.alexnet: alexnet())
    monkeypatch.setattr("torchmetrics.functional.image.dists.vgg16", drawn_vgg)
    torch.manual_seed(0)
    metric = load()  # type: ignore[operator]
    photo = read(data / "chelsea.png")[..., :96, :96]
    values = metric(torch.cat([photo, photo.flip(3)]), torch.cat([photo, photo]))
    assert values.shape == (2,)
    assert values.dtype == torch.float64
    assert values[0].item() == pytest.approx(0.0, abs=1e-5)
    assert values[1].item() > 1e-4
    assert metric(photo, photo.flip(3)).tolist() == pytest.approx([values[1].item()], rel=1e-2)
