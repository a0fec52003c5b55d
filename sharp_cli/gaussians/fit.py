"""What is wanted of a splat, as a value. Imports no torch, so that commands can check their words before it loads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fit:
    """What is wanted of a splat; the defaults keep everything."""

    max_gaussians: int | None = None
    min_opacity: float = 0.0
    """In [0, 1]; more transparent Gaussians go."""
    box: tuple[float, float, float, float, float, float] | None = None
    """Smallest x, y, z and largest x, y, z [m] of the centers that stay."""
    max_distance: float | None = None
    """From the origin, where the photo was taken [m]."""
    max_depth: float | None = None
    """Along z [m]."""
