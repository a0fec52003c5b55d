"""The keys of facts that more than one part of the program knows."""

from __future__ import annotations

LICENSE = "license"
"""Of the license of the weights that made a splat, in one sentence."""

EARLIER = {"licence": LICENSE}
"""Keys in files made earlier, and what they are called now."""


def current_key(key: str) -> str:
    """A key as it is called now."""
    return EARLIER.get(key, key)
