"""From posed photos to one splat.

1. Each photo is predicted alone. Its disparity is fitted to what the photos measure together (:mod:`sweep`).
2. A photo beside which the others look worse is left out (:mod:`agreement`).
3. Each surface is shown by the photo that sees it best (:mod:`joining`).

Gaussians move and fade along their own photo's rays, so each photo's own view changes little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.fitting import grid_side, keep, scaled, together
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.multiview.agreement import without_disagreeing
from sharp_cli.multiview.consensus import measure_photos
from sharp_cli.multiview.disparity import Affine, Surroundings, correction, fit_affine, fit_scale
from sharp_cli.multiview.joining import PlacedSplat, join, places_of
from sharp_cli.multiview.posed import Floats, PosedPhoto
from sharp_cli.multiview.seams import SOLID
from sharp_cli.multiview.sweep import LONG_SIDE
from sharp_cli.photo import Photo
from sharp_cli.render.rasterizer import rasterize

LEAST_MEASURED = 0.01
"""Pixels whose disparity must be measured, as a share."""
FARTHEST = 1e4
"""Of the nearest depth: where to put what the fit would place behind the camera's infinity."""
REACH = 2.0
"""How far a Gaussian reaches, in its scales."""
REACHES = (1, 2, 4, 8, 16, 32)
"""Distances that this is rounded up to [px]."""
OPAQUE = 0.95
"""A surface's opacity for its depth: through a fainter one, the depth behind would mix in."""


def merge_photos(
    photos: Sequence[PosedPhoto],
    predict: Callable[[Photo], Gaussians],
    *,
    note: Callable[[str], None] = lambda text: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Gaussians:
    """Make one splat of several posed photos.

    Args:
        predict: such as :meth:`sharp_cli.predictor.Predictor.predict`.
        note: called with one sentence for each photo that cannot be used.
        progress: called with the number of finished photos and of all.

    Returns:
        Gaussians in the first usable photo's axes, in the cameras' unit.

    Raises:
        SharpError: fewer than two photos overlap.
    """
    placed: list[PlacedSplat] = []
    for index, (posed, measured) in enumerate(zip(photos, measure_photos(photos), strict=True)):
        found, reason = None, "it shares too little with the other photos"
        try:
            found = place(posed, predict(posed.photo).to("cpu"), measured)
        except SharpError as error:
            if error.code != "not_finite":
                raise
            reason = str(error)
        if found is None:
            note(f"{posed.name} is left out: {reason}")
        else:
            placed.append(found)
        progress(index + 1, len(photos))
    if len(placed) < 2:
        raise SharpError(f"only {len(placed)} of {len(photos)} photos overlap (use photos of the same things)")
    return join(without_disagreeing(placed, note))


@torch.inference_mode()
def place(posed: PosedPhoto, gaussians: Gaussians, measured: Floats) -> PlacedSplat | None:
    """Fit a photo's splat to measured disparities, of :func:`measure_photos`; None if they do not suffice."""
    front = front_layer(gaussians)
    known = np.isfinite(measured)
    if known.mean() < LEAST_MEASURED:
        return None
    z = own_depth(posed, front).double().numpy()
    predicted = np.divide(1.0, z, out=np.full_like(z, np.nan), where=z > 0)
    fit = fit_affine(predicted[known], measured[known]) or fit_scale(predicted[known], measured[known])
    if fit is None:
        return None
    factor = fit_factor(front, fit)
    fitted = scaled(front, factor)
    factor = factor * torch.exp(-_corrections(posed, fitted, measured))
    fitted = scaled(front, factor)
    depth = own_depth(posed, fitted)
    if len(front) < len(gaussians):
        back = scaled(keep(gaussians, torch.arange(len(front), len(gaussians))), factor)
        fitted = together([fitted, scaled(back, _behind(posed, back, depth))])
    return PlacedSplat(posed, fitted, depth, fit)


def front_layer(gaussians: Gaussians) -> Gaussians:
    """The predictor's first layer, or all if these are not its grids.

    The second layer follows the first: its Gaussians show what lies behind, at depths that no photo measured.
    """
    return gaussians if grid_side(gaussians) is None else keep(gaussians, torch.arange(len(gaussians) // 2))


def fit_factor(gaussians: Gaussians, fit: Affine) -> Tensor:
    """(N,) what to move Gaussians by along their rays so that their disparity becomes a / z + b."""
    z = gaussians.means[:, 2].double().clamp(min=1e-9)
    disparity = fit.a / z + fit.b
    least = float(disparity.max()) / FARTHEST
    return (1 / disparity.clamp(min=max(least, 1e-12)) / z).to(gaussians.means)


def _corrections(posed: PosedPhoto, gaussians: Gaussians, measured: Floats) -> Tensor:
    """(N,) log ratios of measured over fitted disparity."""
    depth = own_depth(posed, gaussians)
    seen = torch.where(depth > 0, depth, torch.nan)
    height, width = depth.shape
    picture = Image.fromarray(posed.photo.pixels).resize((width, height), Image.Resampling.BOX)
    around = Surroundings(
        -(torch.from_numpy(1 / measured).to(seen) / seen).log(),
        seen.nan_to_num(nan=1e9).log(),
        torch.from_numpy(np.array(picture)).movedim(-1, 0) / 255,
    )
    places = torch.stack(places_of(posed, gaussians.means), dim=1)
    colors = linear_to_srgb(gaussians.colors.clamp(0, 1))
    return correction(around, places, gaussians.means[:, 2].clamp(min=1e-9).log(), colors)


def _behind(posed: PosedPhoto, gaussians: Gaussians, depth: Tensor) -> Tensor:
    """(N,) what to move the back layer's Gaussians by so that they lie behind all of the front that they reach over.

    They are large: once an edge of depth is sharp, those of the near side would stick out over the far side.
    """
    u, v = places_of(posed, gaussians.means)
    z = gaussians.means[:, 2].clamp(min=1e-9)
    height, width = depth.shape
    columns, rows = (u * width).long().clamp(0, width - 1), (v * height).long().clamp(0, height - 1)
    reach = REACH * gaussians.scales.amax(dim=1) / z * posed.photo.focal_px * width / posed.photo.width
    farthest = z
    for pixels in REACHES:
        around = torch.nn.functional.max_pool2d(depth[None, None], 2 * pixels + 1, stride=1, padding=pixels)[0, 0]
        farthest = torch.where(reach > pixels / 2, torch.maximum(farthest, around[rows, columns]), farthest)
    return torch.where(farthest > z, 1.02 * farthest / z, 1.0)


def own_depth(posed: PosedPhoto, gaussians: Gaussians) -> Tensor:
    """(H, W) depth of a front layer, as the photo's own camera sees it, at the size of comparison; 0: nothing."""
    width, height, intrinsics = posed.reduced(LONG_SIDE)
    K = torch.from_numpy(intrinsics).float()
    nearest = float(gaussians.means[:, 2].clamp(min=1e-9).quantile(0.001)) if len(gaussians) < 1 << 24 else 1.0
    seen = rasterize(
        gaussians.means,
        torch.where(gaussians.opacities >= SOLID, OPAQUE, gaussians.opacities),
        gaussians.colors,
        torch.eye(4)[None],
        K[None],
        width,
        height,
        quats=gaussians.quats,
        scales=gaussians.scales,
        near=nearest / 10,
        backend="cpu",
    )
    return torch.where(seen.alpha[0] > 0.5, seen.depth[0], 0.0)
