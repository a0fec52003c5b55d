"""The names of axes. Imports nothing, so that ``sharp --help`` stays fast."""

from __future__ import annotations

from typing import Literal

Axes = Literal["opencv", "opengl"]
"""``opencv``: x right, y down, z forward, as in :class:`~sharp_cli.gaussians.gaussians.Gaussians`. ``opengl``: y up,
z backward."""

Up = Literal["x", "-x", "y", "-y", "z", "-z"]
"""The world axis that points up."""
