"""What a film shows. Imports no torch: commands need it before they have set torch up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sharp_cli.cameras.names import SAFE_MAX_DISPARITY, SAFE_MAX_ZOOM, LookAt, Trajectory

if TYPE_CHECKING:
    from sharp_cli.cameras.views import Size
    from sharp_cli.gaussians.axes import Up
    from sharp_cli.render.encode import Format


@dataclass(frozen=True)
class FilmSettings:
    """What a film shows, and how."""

    trajectory: Trajectory = "orbit"
    frames: int = 60
    """Frames of one round."""
    repeat: int = 1
    """Rounds."""
    fps: float = 30.0
    max_disparity: float = SAFE_MAX_DISPARITY
    max_zoom: float = SAFE_MAX_ZOOM
    look_at: LookAt = "point"
    size: Size | None = None
    """Long side, or (width, height) [px] of one eye's frames. Default: the photo's, at most 1920 px long."""
    cameras: Path | None = None
    """A camera file or folder to use instead of a trajectory."""
    up: Up | None = None
    """The world axis that points up, for splats without a camera. Default: as the splat says, else −y."""
    scale: float = 1.0
    """Meters per unit of the splat, for 16-bit depth and the distance between eyes."""
    format: Format = "mp4"
    depth: bool = False
    """Whether to write the depth too: in colors, or for "png" as 16-bit millimeters."""
    alpha: bool = False
    """Transparent frames, for "png" and "webp"."""
    eye_distance: float | None = None
    """Distance between two eyes [m]: two images side by side, the left eye's on the left."""
    background: tuple[int, int, int] = (0, 0, 0)
    """sRGB behind the splat, 0 to 255."""
