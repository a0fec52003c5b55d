"""Camera and provenance of a splat as text, for formats that have room for it beside the Gaussians."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from sharp_cli.formats.ply_layout import CAMERA_FACTS
from sharp_cli.gaussians.gaussians import Camera, Gaussians

MAX_SIDE = 10**6
"""Pixels; a camera beyond it is damage."""


def to_metadata(gaussians: Gaussians) -> dict[str, str]:
    """The camera, if known, and the facts, as words to text."""
    facts = {"_".join(key.split()): value for key, value in gaussians.facts.items() if key not in CAMERA_FACTS}
    if camera := gaussians.camera:
        facts = {"image_size": f"{camera.width} {camera.height}", "focal_px": f"{camera.focal_px:.9g}", **facts}
    return facts


def with_metadata(gaussians: Gaussians, metadata: Mapping[str, str]) -> Gaussians:
    """Gaussians with what :func:`to_metadata` stored; what is damaged is left out."""
    facts = {key: value for key, value in metadata.items() if key not in CAMERA_FACTS}
    return replace(gaussians, camera=parse_camera(metadata), facts=facts)


def parse_camera(metadata: Mapping[str, str]) -> Camera | None:
    """The photo's camera from ``image_size`` and ``focal_px``; None if one is missing or absurd."""
    try:
        width, height = metadata["image_size"].split()
        camera = Camera(int(width), int(height), float(metadata["focal_px"]))
    except (KeyError, ValueError, OverflowError):
        return None
    return camera if is_sound(camera) else None


def is_sound(camera: Camera) -> bool:
    """Whether a camera that was read can be one."""
    sides = 0 < camera.width <= MAX_SIDE and 0 < camera.height <= MAX_SIDE
    return sides and 0 < camera.focal_px < math.inf
