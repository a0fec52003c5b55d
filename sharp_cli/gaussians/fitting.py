"""Fitting a splat to where it goes: fewer Gaussians, a part of the scene, nothing invisible.

Every function takes Gaussians and returns new ones in the same order; cameras and provenance stay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.covariance import covariances, decompose
from sharp_cli.gaussians.fit import Fit
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.grid import find_grid

TENSORS = ("means", "scales", "quats", "opacities", "colors", "sh")
APART = 0.15
"""Blocks whose depths differ by more than this share of the nearest are merged last: they lie across an edge."""


@torch.inference_mode()
def fit(gaussians: Gaussians, wanted: Fit) -> Gaussians:
    """Crop, drop and merge.

    Merging needs the predictor's whole grid, so it comes first, down to as many Gaussians as leave
    ``max_gaussians`` after cropping.

    Raises:
        SharpError: values out of range, or nothing is left.
    """
    rest = _cut(gaussians, wanted)
    if not len(rest) and len(gaussians):
        raise SharpError("no Gaussian is left after cropping (crop less, or lower the least opacity)")
    if wanted.max_gaussians is None or len(rest) <= wanted.max_gaussians:
        return rest
    if grid_side(gaussians) is not None and len(rest) < len(gaussians):
        share = len(rest) / len(gaussians)
        rest = _cut(reduce_count(gaussians, math.ceil(wanted.max_gaussians / share)), wanted)
    return reduce_count(rest, wanted.max_gaussians)


def _cut(gaussians: Gaussians, wanted: Fit) -> Gaussians:
    if wanted.min_opacity:
        gaussians = drop_transparent(gaussians, wanted.min_opacity)
    if wanted.box:
        gaussians = crop_box(gaussians, torch.tensor(wanted.box[:3]), torch.tensor(wanted.box[3:]))
    if wanted.max_distance is not None:
        gaussians = crop_distance(gaussians, wanted.max_distance)
    if wanted.max_depth is not None:
        gaussians = crop_depth(gaussians, wanted.max_depth)
    return gaussians


def keep(gaussians: Gaussians, chosen: Tensor) -> Gaussians:
    """The Gaussians that ``chosen`` selects: (N,) bool, or indices."""
    values = {name: getattr(gaussians, name) for name in TENSORS}
    return replace(gaussians, **{name: value[chosen] for name, value in values.items() if value is not None})


def together(parts: Sequence[Gaussians]) -> Gaussians:
    """All Gaussians of splats that have the same tensors, with the camera and the facts of the first."""
    values: dict[str, Any] = {
        name: torch.cat([getattr(part, name) for part in parts])
        for name in TENSORS
        if getattr(parts[0], name) is not None
    }
    return replace(parts[0], **values)


def scaled(gaussians: Gaussians, factor: float | Tensor) -> Gaussians:
    """Gaussians moved along their rays from the origin, and grown alike: no picture taken from there changes.

    Args:
        factor: for all of them, or (N,) for each; above 0.
    """
    if isinstance(factor, Tensor) and factor.ndim:
        factor = factor[:, None]
    return replace(gaussians, means=gaussians.means * factor, scales=gaussians.scales * factor)


def drop_not_finite(gaussians: Gaussians) -> Gaussians:
    """Without the Gaussians that hold NaN or infinite values, or a zero quaternion, which are not rendered."""
    good = torch.ones(len(gaussians), dtype=torch.bool, device=gaussians.means.device)
    for name in TENSORS:
        value = getattr(gaussians, name)
        if value is not None:
            good &= value.flatten(1).isfinite().all(dim=1) if value.ndim > 1 else value.isfinite()
    return keep(gaussians, good & (gaussians.quats != 0).any(dim=1))


def drop_transparent(gaussians: Gaussians, min_opacity: float) -> Gaussians:
    """Without the Gaussians whose opacity is less than ``min_opacity``, in [0, 1]."""
    if not 0 <= min_opacity <= 1:
        raise SharpError(f"the least opacity must lie between 0 and 1, not {min_opacity}")
    return keep(gaussians, gaussians.opacities >= min_opacity)


def crop_box(gaussians: Gaussians, low: Tensor, high: Tensor) -> Gaussians:
    """The Gaussians whose centers lie in a box.

    Args:
        low, high: (3,) corners [m], in the splat's own axes.

    Raises:
        SharpError: an empty box.
    """
    low, high = low.to(gaussians.means), high.to(gaussians.means)
    if not bool((low < high).all()):
        raise SharpError("the box to crop to is empty: each minimum must be less than its maximum")
    return keep(gaussians, ((gaussians.means >= low) & (gaussians.means <= high)).all(dim=1))


def crop_distance(gaussians: Gaussians, most: float) -> Gaussians:
    """The Gaussians whose centers lie within ``most`` meters of the origin, where the photo was taken."""
    if not most > 0:
        raise SharpError(f"the largest distance must be above 0, not {most}")
    return keep(gaussians, gaussians.means.norm(dim=1) <= most)


def crop_depth(gaussians: Gaussians, most: float) -> Gaussians:
    """The Gaussians whose depth (z) is at most ``most`` meters."""
    if not most > 0:
        raise SharpError(f"the largest depth must be above 0, not {most}")
    return keep(gaussians, gaussians.means[:, 2] <= most)


@torch.inference_mode()
def reduce_count(gaussians: Gaussians, most: int) -> Gaussians:
    """At most ``most`` Gaussians, with as little change to the picture as can be.

    The predictor's own Gaussians lie on two grids: there, blocks of 2 × 2 are merged by their moments, those first
    that differ least, before anything is dropped. Of other splats the least important go: opacity times projected
    area from where the photo was taken, or opacity times area if no camera is known.
    """
    if most < 1:
        raise SharpError(f"the number of Gaussians to keep must be above 0, not {most}")
    side = grid_side(gaussians)
    while len(gaussians) > most and side is not None and side % 2 == 0:
        blocks = 2 * (side // 2) ** 2
        needed = min(-(-(len(gaussians) - most) // 3), blocks)
        gaussians = merge_blocks(gaussians, side, needed)
        side = side // 2 if needed == blocks else None
    if len(gaussians) <= most:
        return gaussians
    strongest = importance(gaussians).topk(most).indices
    return keep(gaussians, strongest.sort().values)


def grid_side(gaussians: Gaussians) -> int | None:
    """The side of the predictor's grids, as :func:`~sharp_cli.gaussians.grid.find_grid` finds it."""
    return find_grid(gaussians.means.detach().cpu().float().numpy(), gaussians.camera)


def importance(gaussians: Gaussians) -> Tensor:
    """(N,) opacity × area; the area is that of the two longest axes, as seen from the origin if a camera is known."""
    longest = gaussians.scales.topk(2, dim=1).values
    area = longest.prod(dim=1)
    if gaussians.camera is not None:
        area = area / gaussians.means.square().sum(dim=1).clamp(min=1e-12)
    return gaussians.opacities * area


def merge_blocks(gaussians: Gaussians, side: int, count: int) -> Gaussians:
    """Merge ``count`` of the 2 × 2 blocks of two square grids of ``side``, those first that differ least.

    A merged Gaussian has the block's mean and covariance, weighted by opacity × area, and keeps opacity × area.
    """
    half = side // 2
    index = torch.arange(len(gaussians), device=gaussians.means.device).view(2, half, 2, half, 2)
    blocks = index.permute(0, 1, 3, 2, 4).reshape(-1, 4)
    order = _difference(gaussians, blocks).argsort()
    merged, untouched = blocks[order[:count]], blocks[order[count:]].flatten()
    new = _merge(gaussians, merged)
    firsts = torch.cat([merged[:, 0], untouched])
    position = firsts.argsort()
    return keep(together([new, keep(gaussians, untouched)]), position)


def _difference(gaussians: Gaussians, blocks: Tensor) -> Tensor:
    """(B,) how much a picture suffers if the blocks are merged: spread of color, and of depth across edges."""
    colors, opacities = gaussians.colors[blocks], gaussians.opacities[blocks]
    spread = (colors - colors.mean(dim=1, keepdim=True)).square().sum(dim=(1, 2))
    depths = gaussians.means[blocks][..., 2].clamp(min=1e-9)
    jump = depths.amax(dim=1) / depths.amin(dim=1) - 1
    return (spread + (jump > APART) * 4.0) * opacities.amax(dim=1)


def _merge(gaussians: Gaussians, blocks: Tensor) -> Gaussians:
    """One Gaussian for each row of (B, 4) indices."""
    if gaussians.means.device.type == "mps":  # it has no float64
        return _merge(gaussians.to("cpu"), blocks.cpu()).to("mps")
    areas = gaussians.scales.double().topk(2, dim=1).values.prod(dim=1)[blocks]
    weights = gaussians.opacities.double()[blocks] * areas + 1e-30
    shares = (weights / weights.sum(dim=1, keepdim=True))[..., None]
    means = gaussians.means.double()[blocks]
    mean = (shares * means).sum(dim=1)
    apart = means - mean[:, None]
    covars = covariances(gaussians.scales.double(), gaussians.quats.double())[blocks]
    covar = (shares[..., None] * (covars + apart[..., None] * apart[..., None, :])).sum(dim=1)
    scales, quats = decompose(_cholesky(covar).float())
    area = scales.double().topk(2, dim=1).values.prod(dim=1)
    opacities = ((weights.sum(dim=1)) / area.clamp(min=1e-30)).clamp(max=1)
    # What covers a block as a whole must not turn transparent because its area is counted with gaps.
    opacities = opacities.maximum((shares[..., 0] * gaussians.opacities.double()[blocks]).sum(dim=1))
    sh = None if gaussians.sh is None else (shares[..., None] * gaussians.sh[blocks]).sum(dim=1).to(gaussians.sh)
    return replace(
        gaussians,
        means=mean.to(gaussians.means),
        scales=scales.to(gaussians.scales),
        quats=quats.to(gaussians.quats),
        opacities=opacities.to(gaussians.opacities),
        colors=(shares * gaussians.colors[blocks]).sum(dim=1).to(gaussians.colors),
        sh=sh,
    )


def _cholesky(matrix: Tensor) -> Tensor:
    """Lower triangles L with L Lᵀ = M of (N, 3, 3) covariances, flat ones included; elementwise, so fast anywhere."""

    def divide(value: Tensor, by: Tensor) -> Tensor:
        return torch.where(by > 0, value / by.clamp(min=1e-300), 0.0)

    a = matrix[:, 0, 0].clamp(min=0).sqrt()
    b, d = divide(matrix[:, 1, 0], a), divide(matrix[:, 2, 0], a)
    c = (matrix[:, 1, 1] - b * b).clamp(min=0).sqrt()
    e = divide(matrix[:, 2, 1] - d * b, c)
    f = (matrix[:, 2, 2] - d * d - e * e).clamp(min=0).sqrt()
    zero = torch.zeros_like(a)
    return torch.stack([a, zero, zero, b, c, zero, d, e, f], dim=1).view(-1, 3, 3)
