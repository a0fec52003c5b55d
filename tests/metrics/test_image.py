"""PSNR and SSIM against values worked out by hand and, for photos, by scikit-image 0.26."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sharp_cli.metrics.image import MAX_PSNR, psnr, ssim

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
