"""The names of axes. Imports nothing, so that ``sharp --help`` stays fast."""

from __future__ import annotations

from typing import Literal

Axes = Literal["opencv", "opengl"]
"""``opencv``: x right, y down, z forward, as in :class:`~sharp_cli.gaussians.gaussians.Gaussians`. ``opengl``: y up,
z backward."""

Up = Literal["x", "-x", "y", "-y", "z", "-z"]
"""The world axis that points up."""

UPRIGHT: dict[Up, tuple[tuple[float, ...], ...]] = {
    "-y": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "y": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "z": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "-z": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "x": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "-x": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
}
"""For each up axis, where x, y and z of the camera point in the world."""
