"""The names of axes. Imports nothing, so that ``sharp --help`` stays fast."""

from __future__ import annotations

from typing import Literal

Up = Literal["x", "-x", "y", "-y", "z", "-z"]
"""The world axis that points up."""
