"""Kinds of scenes and how often they are sampled: each fills a builder and says how it wants to be photographed."""

from __future__ import annotations

from collections.abc import Callable

from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.framing import Framing
from sharp_cli.scenes.layouts.clutter import clutter
from sharp_cli.scenes.layouts.foreground import with_subject
from sharp_cli.scenes.layouts.mountains import mountains
from sharp_cli.scenes.layouts.park import launch, park
from sharp_cli.scenes.layouts.room import room
from sharp_cli.scenes.layouts.stage import stage
from sharp_cli.scenes.layouts.still_life import still_life
from sharp_cli.scenes.layouts.street import street
from sharp_cli.scenes.layouts.tabletop import tabletop

Layout = Callable[[SceneBuilder], Framing]

LAYOUTS: dict[str, tuple[Layout, float]] = {
    "room": (room, 0.2),
    "street": (street, 0.14),
    "park": (park, 0.14),
    "mountains": (mountains, 0.1),
    "launch": (launch, 0.04),
    "tabletop": (tabletop, 0.13),
    "still_life": (still_life, 0.14),
    "stage": (stage, 0.08),
    "subject": (with_subject((room, street, park, mountains, stage, stage)), 0.14),
    "clutter": (clutter, 0.03),
}
"""Name → layout and its share."""
