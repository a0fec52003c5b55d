"""What can be chosen about synthetic scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sharp_cli.errors import SharpError


@dataclass(frozen=True)
class SceneConfig:
    """The defaults train a network for people's photos."""

    baseline: float = 0.6
    """Longest way between the two cameras [m], as in the paper."""
    parallax: float = 0.15
    """And as a share of the distance of what the photo is of: a cup 40 cm away is not seen from behind."""
    far: float = 1000.0
    """Depth of the sky, and of nothing else [m]."""
    nearest: float = 0.12
    """Views in which something comes closer to the camera are sampled again [m]."""
    aspects: tuple[float, ...] = (1.0, 4 / 3, 4 / 3, 3 / 2, 16 / 9, 3 / 4, 3 / 4, 9 / 16)
    """Width / height of the photos, of which one is sampled; they are resized to the size asked for, as the
    network's input is, which gives K two focal lengths."""
    degrade: bool = True
    """Whether ``ViewPair.photo`` has a camera's blur, noise and compression."""
    textures: Path | None = None
    """A folder of the user's own photos to take textures from, beside the bundled ones."""
    layouts: tuple[str, ...] = ()
    """Kinds of scene to draw, of :data:`~sharp_cli.scenes.layouts.LAYOUTS`; empty for all. Shares stay
    those given there, relative to each other."""

    def __post_init__(self) -> None:
        """Raises SharpError for an unknown kind of scene."""
        if not self.layouts:
            return
        from sharp_cli.scenes.layouts import LAYOUTS  # registers all layouts

        if unknown := [name for name in self.layouts if name not in LAYOUTS]:
            raise SharpError(f"unknown kind of scene: {', '.join(unknown)} (choose from {', '.join(LAYOUTS)})")


DEFAULTS = SceneConfig()
