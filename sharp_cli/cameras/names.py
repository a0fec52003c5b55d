"""The names of camera paths and of where their cameras look. Imports nothing, so that ``sharp --help`` stays fast."""

from __future__ import annotations

from typing import Literal

PublishedPath = Literal["swipe", "shake", "rotate", "rotate_forward"]
"""The published tool's paths."""

Trajectory = Literal["orbit", "dolly", "still", "around", PublishedPath]

LookAt = Literal["point", "ahead"]
"""``point``: every camera turns to the focus point; ``ahead``: all look in the source view's direction."""
