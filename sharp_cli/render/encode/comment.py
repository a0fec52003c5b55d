"""The provenance of a file as a comment in it: {"sharp": {fact: value}} in JSON and ASCII."""

from __future__ import annotations

import json
from collections.abc import Mapping

KEY = "sharp"


def to_comment(facts: Mapping[str, str]) -> str:
    """The comment with these facts."""
    return json.dumps({KEY: dict(facts)})


def from_comment(comment: str | None) -> dict[str, str] | None:
    """The facts of a comment, or None if it is not one of ours."""
    try:
        facts = json.loads(comment or "")[KEY]
        return {str(key): str(value) for key, value in facts.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
