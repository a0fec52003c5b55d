"""A predictor against the truth, sample by sample: the library's way to evaluate anything that makes Gaussians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from sharp_cli.datasets.samples import Sample, photo_of
from sharp_cli.errors import SharpError
from sharp_cli.evaluation.results import Results
from sharp_cli.evaluation.score import SampleImages, Scores, score_pair
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.metrics.learned import Metric, load_available
from sharp_cli.photo import Photo
from sharp_cli.render.rasterizer import Backend
from sharp_cli.runtime.timing import Stopwatch

Predict = Callable[[Photo], Gaussians]
"""A photo → Gaussians in its camera's frame, the principal point at the picture's center."""


@dataclass
class SampleResult:
    """What became of a sample."""

    name: str
    kind: str = ""
    """Of a synthetic scene, which of :data:`~sharp_cli.scenes.layouts.LAYOUTS`."""
    scores: Scores = field(default_factory=dict)
    """Empty if it failed."""
    reason: str | None = None
    """Why it failed, in one sentence."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Per stage: load, predict, score."""


def evaluate(
    predict: Predict,
    samples: Sequence[Sample],
    *,
    metrics: dict[str, Metric] | None = None,
    mask: bool = False,
    privileged_depth: bool = False,
    backend: Backend = "auto",
    device: torch.device | str = "cpu",
    ended: Callable[[SampleResult, SampleImages | None], None] = lambda outcome, pictures: None,
) -> Results:
    """Predict from every sample's photo, and compare with both of its views.

    A sample that fails does not stop the others. All metrics are computed at the true pictures' own resolution::

        evaluate(predictor.predict, synthetic_samples(512, 64)).means["novel"]["psnr"]

    Args:
        predict: a :meth:`Predictor.predict <sharp_cli.predictor.Predictor.predict>`, or what is to be compared with it.
        metrics: of pictures, on ``device``; by default all that are available.
        mask, privileged_depth, backend, device: as for :func:`~sharp_cli.evaluation.score.score_pair`.
        ended: called with each outcome as soon as it is known, with its pictures unless it failed.
    """
    if metrics is None:
        metrics = load_available(device)
    outcomes = []
    for sample in samples:
        outcome = SampleResult(sample.name)
        pictures = None
        watch = Stopwatch(outcome.seconds)
        try:
            with watch.stage("load"):
                pair = sample.load()
            outcome.kind = pair.layout
            with watch.stage("predict", on_device=True):
                gaussians = predict(photo_of(pair))
            with watch.stage("score", on_device=True):
                outcome.scores, pictures = score_pair(
                    pair,
                    gaussians,
                    metrics,
                    mask=mask,
                    privileged_depth=privileged_depth,
                    backend=backend,
                    device=device,
                )
        except Exception as error:
            outcome.reason = _reason(sample, error)
        outcomes.append(outcome)
        ended(outcome, pictures)
    return sum_up(outcomes)


def sum_up(outcomes: Sequence[SampleResult]) -> Results:
    """What the outcomes come to."""
    return Results.of([outcome.scores for outcome in outcomes], [outcome.kind for outcome in outcomes])


def _reason(sample: Sample, error: Exception) -> str:
    if isinstance(error, SharpError):
        return f"{sample.name}: {error}"
    return f"{sample.name}: {type(error).__name__}: {error} (this is a bug)"
