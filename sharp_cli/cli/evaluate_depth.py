"""``sharp evaluate depth``: predicted depth of single photos against measured depth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharp_cli.version import __version__

if TYPE_CHECKING:
    from sharp_cli.evaluation.measured_depth import DepthOutcome
    from sharp_cli.predictor import Predictor
    from sharp_cli.render.rasterizer import Backend


def run_depth(
    predictor: Predictor, folder: Path, settings: dict[str, Any], backend: Backend, limit: int | None, quiet: bool
) -> tuple[str, str, bool]:
    """Evaluate on a folder's test photos.

    Returns:
        The Markdown table, the JSON record, and whether a photo failed.

    Raises:
        SharpError: the folder has no photo with measured depth.
    """
    from sharp_cli.datasets.measured_depth import measured_photos
    from sharp_cli.evaluation.measured_depth import evaluate_measured_depth, to_markdown, to_record

    photos = measured_photos(folder)[:limit]
    with _watching(len(photos), quiet) as ended:
        outcomes = evaluate_measured_depth(predictor.predict, photos, backend=backend, ended=ended)
    record = {"sharp": __version__, "command": "evaluate", "settings": settings, **to_record(outcomes)}
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    return to_markdown(outcomes), text, any(outcome.reason for outcome in outcomes)


@contextmanager
def _watching(total: int, quiet: bool) -> Iterator[Callable[[DepthOutcome], None]]:
    """Follow photos on stderr."""
    from sharp_cli.cli.display.live import Live

    with Live("evaluating", total, quiet) as live:
        done = 0

        def ended(outcome: DepthOutcome) -> None:
            nonlocal done
            done += 1
            live.show(done=done)
            if outcome.reason:
                live.line(f"failed: {outcome.reason}", "red", always=True)
            else:
                live.line(f"[{done}/{total}] {outcome.name}: {outcome.scores['predicted'].correlation:.3f}")

        yield ended
