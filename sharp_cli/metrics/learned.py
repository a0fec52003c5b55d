"""LPIPS and DISTS, which need pretrained networks, and all image metrics that this machine has.

Images are (B, 3, H, W) sRGB floats in [0, 1], and every metric gives one value per image, (B,).
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from sharp_cli.errors import SharpError, install_extra
from sharp_cli.metrics.image import psnr, ssim
from sharp_cli.metrics.masked import widened

Metric = Callable[[Tensor, Tensor], Tensor]
"""(B, 3, H, W) found and true images → (B,)."""

Backbone = Literal["alex", "vgg", "squeeze"]


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
        raise SharpError(f"{name} needs torchmetrics and torchvision: {error} ({install_extra('eval')})") from error
    except (OSError, RuntimeError) as error:
        raise SharpError(
            f"cannot download the network of {name}: {error} (run once online; TORCH_HOME chooses the folder)"
        ) from error

    def measure(found: Tensor, true: Tensor) -> Tensor:
        with torch.inference_mode():
            return widened(metric(found.float().clamp(0, 1), true.float().clamp(0, 1)))

    return measure
