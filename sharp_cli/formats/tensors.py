"""Between Gaussians as tensors, which everything else works on, and a splat as files hold it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sharp_cli.formats.columns import SMALLEST_SCALE, Floats, SplatColumns
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.color import linear_to_srgb, srgb_to_linear
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.sh import SH_C0


@torch.inference_mode()
def to_stored(gaussians: Gaussians) -> StoredSplat:
    """Convert for a writer; values that need no change are shared."""
    means, scales, quats, opacities, colors = (
        values.detach().cpu().float()
        for values in (gaussians.means, gaussians.scales, gaussians.quats, gaussians.opacities, gaussians.colors)
    )
    columns = SplatColumns(
        means=means.numpy(),
        log_scales=scales.clamp(min=SMALLEST_SCALE).log().numpy(),
        quats=quats.numpy(),
        opacities=opacities.numpy(),
        dc=((linear_to_srgb(colors) - 0.5) / SH_C0).numpy(),
        sh=None if gaussians.sh is None else gaussians.sh.detach().cpu().float().numpy(),
    )
    return StoredSplat(columns, gaussians.camera, gaussians.facts, gaussians.blending, gaussians.up)


@torch.no_grad()
def to_gaussians(splat: StoredSplat) -> Gaussians:
    """Convert what a reader found; values that need no change are shared."""
    columns = splat.columns
    return Gaussians(
        means=_tensor(columns.means),
        scales=_tensor(columns.log_scales).exp(),
        quats=_tensor(columns.quats),
        opacities=_tensor(columns.opacities),
        colors=srgb_to_linear(_tensor(columns.dc).mul(SH_C0).add_(0.5)),
        sh=None if columns.sh is None else _tensor(columns.sh),
        camera=splat.camera,
        facts=splat.facts,
        blending=splat.blending,
        up=splat.up,
    )


def _tensor(values: Floats) -> Tensor:
    """fp32, on its own memory if the array's cannot be written to."""
    return torch.from_numpy(np.require(values, np.float32, ["C_CONTIGUOUS", "WRITEABLE"]))
