"""PSNR and SSIM of an image against the true one (docs/training.md, evaluation protocol).

Images are (B, 3, H, W) sRGB floats in [0, 1], and every metric gives one value per image, (B,): the protocol's means
are over samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sharp_cli.metrics.masked import mean_where, widened

MAX_PSNR = 100.0
"""What equal images get [dB]: means stay finite, JSON has no infinity, and no 8-bit photo of usual size that
differs anywhere comes so near."""

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def psnr(found: Tensor, true: Tensor, mask: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio −10 log₁₀ E (found − true)² [dB], at most ``MAX_PSNR``.

    Args:
        found, true: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W), which pixels count; a picture in which none does gives NaN.
    """
    squares = (widened(found) - widened(true)).square().mean(dim=1, keepdim=True)
    error = squares.mean(dim=(1, 2, 3)) if mask is None else mean_where(squares, mask)
    return -10.0 * torch.log10(error.clamp(min=10.0 ** (-MAX_PSNR / 10.0)))


def ssim(found: Tensor, true: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004): Gaussian window of 11 pixels and σ = 1.5, K = 0.01 and 0.03.

    Mean over channels and over the positions where the window fits into the picture; variances are those of the
    window, without sample correction.

    Args:
        found, true: (B, 3, H, W) in [0, 1].

    Raises:
        ValueError: a picture smaller than the window.
    """
    if min(found.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs images of at least {WINDOW} pixels a side, not {tuple(found.shape[-2:])}")
    found, true = widened(found), widened(true)
    mean_a, mean_b = _blur(found), _blur(true)
    var_a = _blur(found * found) - mean_a * mean_a
    var_b = _blur(true * true) - mean_b * mean_b
    covariance = _blur(found * true) - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + C1) / (mean_a.square() + mean_b.square() + C1)
    structure = (2 * covariance + C2) / (var_a + var_b + C2)
    return (brightness * structure).mean(dim=(1, 2, 3))


def _blur(image: Tensor) -> Tensor:
    """Gaussian mean at the positions where the window fits, by shifted sums: convolutions are slow in fp64."""
    bell = [math.exp(-0.5 * ((i - WINDOW // 2) / SIGMA) ** 2) for i in range(WINDOW)]
    for dim in (3, 2):
        reach = image.shape[dim] - WINDOW + 1
        blurred = torch.zeros_like(image.narrow(dim, 0, reach))
        for i, weight in enumerate(bell):
            blurred.add_(image.narrow(dim, i, reach), alpha=weight / sum(bell))
        image = blurred
    return image
