"""One pair scored: both views of the prediction and the baselines against the truth, and its depth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.errors import SharpError
from sharp_cli.evaluation.baselines import median_depth, photo_on_plane, photo_unchanged
from sharp_cli.evaluation.showing import Shown, place, scaled, show
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.metrics.depth import abs_rel, delta_accuracy, depth_scale, has_depth
from sharp_cli.metrics.image import psnr
from sharp_cli.metrics.learned import Metric
from sharp_cli.metrics.visibility import visibility_mask
from sharp_cli.render.rasterizer import Backend

Scores = dict[str, dict[str, float]]
"""What was measured, by what: the pictures "novel", "photo", "plane" (all against the true novel view) and "input",
each with a value per metric, and "depth". What could not be measured is left out."""

BASELINES = ("photo", "plane")


class SampleImages(NamedTuple):
    """What a score was computed from, for people to look at."""

    pair: ViewPair
    novel: Shown
    input: Shown
    scale: float
    """Median of true / predicted depth in the input view."""
    plane: NDArray[np.uint8] | None
    """The photo on a plane, as the novel view."""


def score_pair(
    pair: ViewPair,
    gaussians: Gaussians,
    metrics: dict[str, Metric],
    *,
    mask: bool = False,
    privileged_depth: bool = False,
    backend: Backend = "auto",
    device: torch.device | str = "cpu",
) -> tuple[Scores, SampleImages]:
    """Score Gaussians that were predicted from a pair's photo.

    Args:
        gaussians: in the frame of the camera that the predictor assumes (:func:`.samples.to_true_camera`).
        metrics: of pictures, by name.
        mask: count only those pixels of the novel view that the input camera could have in its picture
            (:func:`sharp_cli.metrics.visibility.visibility_mask`). PSNR is then that of these pixels; the
            other metrics, which look at windows, see the truth everywhere else.
        privileged_depth: render the novel view after scaling the prediction by the input view's median of true /
            predicted depth.
        backend: of the rasterizer.
        device: where the metrics are computed.

    Raises:
        SharpError: a mask or a scale is asked for, and there is no true depth to make it of.
    """
    placed = place(gaussians, pair)
    seen = show(placed, pair.input, backend)
    true_depth = torch.from_numpy(pair.input.depth)[None, None]
    scale = depth_scale(seen.depth[None, None], true_depth).item()
    if privileged_depth:
        if not has_depth(true_depth).any():
            raise SharpError("privileged depth needs the true depth of the input view, which this sample does not have")
        placed = scaled(placed, scale)
    novel = show(placed, pair.novel, backend)

    median = median_depth(pair)
    plane = None if median is None else photo_on_plane(pair, median)
    counted = _visible(pair) if mask else None
    views = {"novel": novel.image, "photo": photo_unchanged(pair), "plane": plane}
    scores = {
        name: _compare(image, pair.novel.image, metrics, counted, device)
        for name, image in views.items()
        if image is not None
    }
    scores["input"] = _compare(seen.image, pair.input.image, metrics, None, device)
    if median is not None:
        scores["depth"] = _compare_depth(seen.depth[None, None], true_depth, scale)
    return scores, SampleImages(pair, novel, seen, scale, plane)


def _compare(
    found: NDArray[np.uint8],
    true: NDArray[np.uint8],
    metrics: dict[str, Metric],
    mask: Tensor | None,
    device: torch.device | str,
) -> dict[str, float]:
    a, b = _picture(found, device), _picture(true, device)
    if mask is None:
        return {name: metric(a, b).item() for name, metric in metrics.items()}
    mask = mask.to(device)
    filled = torch.where(mask, a, b)
    return {
        name: (psnr(a, b, mask) if metric is psnr else metric(filled, b)).item() for name, metric in metrics.items()
    }


def _compare_depth(depth: Tensor, true: Tensor, scale: float) -> dict[str, float]:
    aligned = scale * depth
    return {
        "abs_rel": abs_rel(depth, true).item(),
        "delta": delta_accuracy(depth, true).item(),
        "abs_rel_aligned": abs_rel(aligned, true).item(),
        "delta_aligned": delta_accuracy(aligned, true).item(),
        "scale": scale,
    }


def _visible(pair: ViewPair) -> Tensor:
    """(1, 1, H, W) bool: what counts of the novel view."""
    height, width = pair.input.image.shape[:2]
    depth, viewmat, K, input_viewmat, input_K = (
        torch.from_numpy(array).float()[None]
        for array in (pair.novel.depth[None], pair.novel.viewmat, pair.novel.K, np.eye(4), pair.input.K)
    )
    mask = visibility_mask(depth, viewmat, K, input_viewmat, input_K, width, height)
    if not mask.any():
        raise SharpError("no pixel of the novel view has a true depth that the input camera can see")
    return mask


def _picture(pixels: NDArray[np.uint8], device: torch.device | str) -> Tensor:
    """(1, 3, H, W) in [0, 1]."""
    return torch.tensor(pixels, device=device).permute(2, 0, 1)[None].float() / 255
