"""An evaluation as strict JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sharp_cli.evaluation.evaluate import SampleResult
from sharp_cli.evaluation.results import Results, strict
from sharp_cli.version import __version__


def to_json(outcomes: Sequence[SampleResult], results: Results, settings: dict[str, Any], state: str) -> str:
    """How it was made, what it comes to, and every sample.

    Args:
        settings: JSON values.
        state: "finished", or "interrupted" if samples are missing.
    """
    record = {
        "sharp": __version__,
        "command": "evaluate",
        "state": state,
        "settings": settings,
        **results.to_dict(),
        "samples": [_item(outcome) for outcome in outcomes],
    }
    return json.dumps(record, indent=1, allow_nan=False) + "\n"


def _item(outcome: SampleResult) -> dict[str, Any]:
    item: dict[str, Any] = {"name": outcome.name, "status": "failed" if outcome.reason else "scored"}
    if outcome.kind:
        item["kind"] = outcome.kind
    if outcome.reason:
        item["reason"] = outcome.reason
    else:
        item["scores"] = strict(outcome.scores)
    return {**item, "seconds": {stage: round(spent, 4) for stage, spent in outcome.seconds.items()}}
