"""Predicted depth of single photos against measured inverse depth, beside a plane and a ramp.

A plane has the same depth everywhere. A ramp has inverse depth that grows evenly from the photo's top to its bottom:
what is lower is nearer, which is right for many photos, so a network has seen something only if it beats the ramp.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sharp_cli.datasets.measured_depth import MeasuredPhoto
from sharp_cli.datasets.view_pair import View
from sharp_cli.errors import SharpError
from sharp_cli.evaluation.evaluate import Predict
from sharp_cli.evaluation.showing import Placed, show
from sharp_cli.gaussians.covariance import covariances
from sharp_cli.metrics.inverse_depth import InverseDepthScores, score_inverse_depth
from sharp_cli.photo import Photo
from sharp_cli.render.rasterizer import Backend

METHODS = ("predicted", "ramp", "plane")
Scores = dict[str, InverseDepthScores]
"""By method."""
Means = dict[str, dict[str, float]]
"""By method and score, over the photos that have it; NaN if none has."""


@dataclass
class DepthOutcome:
    """What became of one photo."""

    name: str
    group: str
    scores: Scores = field(default_factory=dict)
    """Empty if it failed."""
    reason: str | None = None
    """Why it failed, in one sentence."""


def evaluate_measured_depth(
    predict: Predict,
    photos: Sequence[MeasuredPhoto],
    *,
    backend: Backend = "auto",
    ended: Callable[[DepthOutcome], None] = lambda outcome: None,
) -> list[DepthOutcome]:
    """Predict every photo's Gaussians, render their depth into the photo's own view, and compare it.

    A photo that fails does not stop the others.

    Args:
        predict: a :meth:`Predictor.predict <sharp_cli.predictor.Predictor.predict>`, or what to compare with it.
        backend: of the rasterizer.
        ended: called with each outcome as soon as it is known.
    """
    outcomes = []
    for measured in photos:
        outcome = DepthOutcome(measured.name, measured.group)
        try:
            photo, true = measured.load()
            outcome.scores = score_photo(rendered_inverse_depth(predict, photo, true.shape, backend), true)
        except SharpError as error:
            outcome.reason = f"{measured.name}: {error}"
        outcomes.append(outcome)
        ended(outcome)
    return outcomes


def rendered_inverse_depth(
    predict: Predict, photo: Photo, shape: tuple[int, ...], backend: Backend = "auto"
) -> NDArray[np.float32]:
    """(H, W) = ``shape`` inverse depth [1/m] of a photo's predicted Gaussians, as its own camera sees them.

    0 where nothing is.
    """
    height, width = shape
    gaussians = predict(photo)
    focal = (photo.focal_px * width / photo.width, photo.focal_px * height / photo.height)
    K = np.array([[focal[0], 0.0, width / 2], [0.0, focal[1], height / 2], [0.0, 0.0, 1.0]])
    blank = np.zeros((height, width, 3), np.uint8)
    view = View(blank, np.zeros((height, width), np.float32), K, np.eye(4))
    depth = show(Placed(gaussians, covariances(gaussians.scales, gaussians.quats)), view, backend).depth
    return torch.where(depth > 0, 1.0 / depth, torch.zeros_like(depth)).numpy()


def score_photo(found: NDArray[np.float32], true: NDArray[np.float32]) -> Scores:
    """Scores of the prediction and of both baselines where the inverse depth is known.

    Args:
        found: (H, W) predicted inverse depth ≥ 0.
        true: (H, W) measured inverse depth, 0 where it is not known.

    Raises:
        SharpError: it is known nowhere.
    """
    known = np.isfinite(true) & (true > 0)
    if not known.any():
        raise SharpError("no pixel has a measured depth")
    rows = np.broadcast_to(np.linspace(0.5, 1.5, len(true), dtype=np.float32)[:, None], true.shape)
    maps = {"predicted": found, "ramp": rows, "plane": np.ones_like(true)}
    return {name: score_inverse_depth(values[known], true[known]) for name, values in maps.items()}


def mean_scores(outcomes: Sequence[DepthOutcome]) -> Means:
    """Means over photos, of each method and score."""
    scored = [outcome.scores for outcome in outcomes if outcome.scores]
    means: Means = {}
    for method in METHODS if scored else ():
        columns = zip(*(scores[method] for scores in scored), strict=True)
        finite = [[value for value in column if math.isfinite(value)] for column in columns]
        values = [math.fsum(column) / len(column) if column else math.nan for column in finite]
        means[method] = dict(zip(InverseDepthScores._fields, values, strict=True))
    return means


def by_group(outcomes: Sequence[DepthOutcome]) -> dict[str, list[DepthOutcome]]:
    """Outcomes by their set, in the order of names."""
    groups: dict[str, list[DepthOutcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.group, []).append(outcome)
    return dict(sorted(groups.items()))


def to_record(outcomes: Sequence[DepthOutcome]) -> dict[str, Any]:
    """JSON values: means of every set, and every photo's scores; numbers that are none are None."""

    def strict(values: dict[str, float]) -> dict[str, float | None]:
        return {name: value if math.isfinite(value) else None for name, value in values.items()}

    sets = {
        group: {"photos": len(members), **{name: strict(values) for name, values in mean_scores(members).items()}}
        for group, members in by_group(outcomes).items()
    }
    samples = [
        {"name": outcome.name, "status": "failed", "reason": outcome.reason}
        if outcome.reason
        else {
            "name": outcome.name,
            "status": "scored",
            "scores": {name: strict(scores._asdict()) for name, scores in outcome.scores.items()},
        }
        for outcome in outcomes
    ]
    failed = sum(outcome.reason is not None for outcome in outcomes)
    return {"scored": len(outcomes) - failed, "failed": failed, "sets": sets, "samples": samples}


def to_markdown(outcomes: Sequence[DepthOutcome]) -> str:
    """A table with a row for every set and method."""
    head = "| photos | inverse depth | correlation ↑ | AbsRel, scaled ↓ | δ < 1.25, scaled ↑ | AbsRel, shifted ↓ |"
    lines = [head, "| --- | --- | ---: | ---: | ---: | ---: |"]
    for group, members in by_group(outcomes).items():
        count = sum(bool(outcome.scores) for outcome in members)
        for method, values in mean_scores(members).items():
            numbers = (f"{value:.3f}" if math.isfinite(value) else "–" for value in values.values())
            lines.append(f"| {group} ({count}) | {method} | " + " | ".join(numbers) + " |")
    return "\n".join(lines) + "\n"
