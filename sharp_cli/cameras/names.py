"""Names of camera paths and of where cameras look, and how far they may go. Imports nothing: ``--help`` stays fast."""

from __future__ import annotations

from typing import Literal

PublishedPath = Literal["swipe", "shake", "rotate", "rotate_forward"]
"""The published tool's paths."""

Trajectory = Literal["orbit", "dolly", "still", "around", PublishedPath]

LookAt = Literal["point", "ahead"]
"""``point``: every camera turns to the focus point; ``ahead``: all look in the source view's direction."""

SAFE_MAX_DISPARITY = 0.08
"""How far the nearest content may move in the picture, in picture diagonals, before gaps open behind edges."""
SAFE_MAX_ZOOM = 0.15
"""How far the eye may go toward the nearest content, as a part of that way."""
