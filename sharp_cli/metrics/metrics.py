"""Metrics of one picture or depth map against the truth (docs/training.md, evaluation protocol).

Pictures are (B, 3, H, W) sRGB floats in [0, 1], depth maps (B, 1, H, W) in meters, and every metric gives one
value per picture, (B,): the protocol's means are over samples.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import sys
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from sharp_cli.errors import SharpError

Metric = Callable[[Tensor, Tensor], Tensor]
"""(B, 3, H, W) found and true pictures → (B,)."""

Backbone = Literal["alex", "vgg", "squeeze"]

MAX_PSNR = 100.0
"""What equal pictures get [dB]: means stay finite, JSON has no infinity, and no 8-bit photo of usual size that
differs anywhere comes so near."""

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2

INSTALL = "pip install 'sharp-cli[eval]'"


def psnr(found: Tensor, true: Tensor, mask: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio −10 log₁₀ E (found − true)² [dB], at most ``MAX_PSNR``.

    Args:
        found, true: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W), which pixels count; a picture in which none does gives NaN.
    """
    squares = (found.double() - true.double()).square().mean(dim=1, keepdim=True)
    error = squares.mean(dim=(1, 2, 3)) if mask is None else _mean_where(squares, mask)
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
    found, true = found.double(), true.double()
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


def abs_rel(depth: Tensor, true_depth: Tensor) -> Tensor:
    """AbsRel: E abs(depth − true) / true over the pixels that have a true depth; a picture without any gives NaN.

    Args:
        depth: (B, 1, H, W) [m]; 0 where nothing was rendered, which is an error of 1.
        true_depth: (B, 1, H, W) [m]; 0, negative, infinite or NaN where it is not known.
    """
    known = has_depth(true_depth)
    return _mean_where((depth - true_depth).abs() / true_depth, known)


def delta_accuracy(depth: Tensor, true_depth: Tensor, threshold: float = 1.25) -> Tensor:
    """δ < 1.25: the part of the pixels with max(depth / true, true / depth) below the threshold.

    Args: as of :func:`abs_rel`.
    """
    ratio = torch.maximum(depth / true_depth, true_depth / depth)
    return _mean_where((ratio < threshold).double(), has_depth(true_depth))


def align_depth(depth: Tensor, true_depth: Tensor) -> Tensor:
    """Depth times :func:`depth_scale`: the protocol's "privileged depth".

    Args: as of :func:`abs_rel`.
    """
    return depth * depth_scale(depth, true_depth)[:, None, None, None]


def depth_scale(depth: Tensor, true_depth: Tensor) -> Tensor:
    """(B,) medians of true / predicted depth.

    The median is over the pixels where both are known (of an even number, the lower middle one); a picture
    without any gives 1.

    Args: as of :func:`abs_rel`.
    """
    usable = has_depth(true_depth) & has_depth(depth)
    ratio = torch.where(usable, true_depth / depth, torch.full_like(depth, torch.nan))
    return ratio.flatten(1).nanmedian(dim=1).values.nan_to_num(nan=1.0)


def has_depth(depth: Tensor) -> Tensor:
    """Where a depth map says something: finite values above 0."""
    return (depth > 0) & depth.isfinite()


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """(B,) means of (B, 1, H, W) values where the mask is true; NaN where it nowhere is."""
    mask = mask.bool()
    kept = torch.where(mask, values, torch.zeros_like(values)).double()
    return kept.sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3))


def load_lpips(device: torch.device | str = "cpu", backbone: Backbone = "alex") -> Metric:
    """LPIPS (Zhang et al. 2018) by torchmetrics. The paper does not name its backbone; "alex" is its authors' default.

    Raises:
        SharpError: torchmetrics is not installed, or the backbone's weights cannot be downloaded.
    """

    def build() -> Metric:
        module = importlib.import_module("torchmetrics.image.lpip")
        network = module.LearnedPerceptualImagePatchSimilarity(net_type=backbone, normalize=True).to(device)
        # Its forward pass gives the mean over a batch.
        return lambda found, true: torch.stack([network(a[None], b[None]) for a, b in zip(found, true, strict=True)])

    return _load("LPIPS", build)


def load_dists(device: torch.device | str = "cpu") -> Metric:
    """DISTS (Ding et al. 2020) by torchmetrics. Raises as :func:`load_lpips`."""

    def build() -> Metric:
        # torchmetrics' own class and function build this network anew for every batch.
        module = importlib.import_module("torchmetrics.functional.image.dists")
        network = module.DISTSNetwork().to(device).eval()
        return lambda found, true: network(found, true).reshape(-1)

    return _load("DISTS", build)


def load_available(device: torch.device | str = "cpu") -> dict[str, Metric]:
    """PSNR, SSIM, and LPIPS and DISTS: what is not available is skipped with a warning."""
    metrics: dict[str, Metric] = {"psnr": psnr, "ssim": ssim}
    for name, load in (("lpips", load_lpips), ("dists", load_dists)):
        try:
            metrics[name] = load(device)
        except SharpError as error:
            logging.getLogger(__name__).warning("%s", error)
    return metrics


def _load(name: str, build: Callable[[], Metric]) -> Metric:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where torch's hub says that it downloads
            metric = build()
    except ImportError as error:
        raise SharpError(f"{name} needs torchmetrics and torchvision: {error} ({INSTALL})") from error
    except (OSError, RuntimeError) as error:
        raise SharpError(
            f"cannot download the network of {name}: {error} (run once online; TORCH_HOME chooses the folder)"
        ) from error

    def measure(found: Tensor, true: Tensor) -> Tensor:
        with torch.inference_mode():
            return metric(found.float().clamp(0, 1), true.float().clamp(0, 1)).double()

    return measure
