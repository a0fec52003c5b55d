"""The viewer's settings for a splat: the camera's pose, its field of view, and how the splat is rendered."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sharp_cli.errors import SharpError
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.axes import UPRIGHT, Up
from sharp_cli.gaussians.gaussians import Camera

SWAY = 0.1
"""Half width of the play button's path, in distances between the camera and what it looks at."""
SECONDS, KEYS = 12, 24


def describe(splat: StoredSplat) -> dict[str, Any]:
    """The viewer's ``settings``, the ``photo`` whose view it starts with, and the ``turn``, as values for JSON.

    ``photo`` has the photo's shape and its fields of view [°]. It is None for a splat without a camera; the viewer then
    frames the whole splat.

    The viewer's axes are x left, y up, z forward, as seen by the photo's camera: it turns OpenCV's by 180° about z.
    ``turn`` is the rotation for a splat without a camera whose file names another up axis: 16 numbers, column by
    column. It is None otherwise.

    Raises:
        SharpError: there is no Gaussian to show.
    """
    if not len(splat):
        raise SharpError("the splat holds no Gaussian, so there is nothing to show")
    camera = splat.camera
    settings = {
        "version": 2,
        "tonemapping": "none",
        "highPrecisionRendering": False,
        "background": {"color": [0, 0, 0]},
        "postEffectSettings": _no_effects(),
        "animTracks": [],
        "cameras": [],
        "annotations": [],
        "startMode": "default",
    }
    if camera is None:
        return {"settings": settings, "photo": None, "turn": _turn(splat.up)}
    photo = {
        "width": camera.width,
        "height": camera.height,
        "horizontal_fov": _field_of_view(camera.width, camera),
        "vertical_fov": _field_of_view(camera.height, camera),
    }
    fov = max(photo["horizontal_fov"], photo["vertical_fov"])
    distance = _distance(splat)
    pose = {"position": [0, 0, 0], "target": [0, 0, distance], "fov": fov}
    settings |= {"cameras": [{"initial": pose}], "animTracks": [_sway(distance, fov)], "startMode": "animTrack"}
    return {"settings": settings, "photo": photo, "turn": None}


def _turn(up: Up | None) -> list[float] | None:
    """The rotation by which ``up`` becomes the viewer's y; None for the viewer's own, which is right for −y."""
    if up is None or up == "-y":
        return None
    turned = np.diag([-1.0, -1, 1, 1])
    turned[:3, :3] @= np.array(UPRIGHT[up])
    values: list[float] = turned.T.ravel().tolist()
    return values


def _field_of_view(extent: int, camera: Camera) -> float:
    """Degrees, along a side of ``extent`` pixels."""
    return math.degrees(2 * math.atan(extent / (2 * camera.focal_px)))


def _distance(splat: StoredSplat) -> float:
    """The distance to the point that the camera turns around: the median depth of what is in front [m]."""
    depths = splat.columns.means[:, 2]
    ahead = depths[depths > 0]
    return float(np.quantile(ahead, 0.5, method="lower")) if len(ahead) else 1.0


def _sway(distance: float, fov: float) -> dict[str, Any]:
    """A horizontal figure eight through the photo's viewpoint: a full turn would show the splat's empty back."""
    angles = [2 * math.pi * key / KEYS for key in range(KEYS)]
    width = SWAY * distance
    positions = [(width * math.sin(a), width / 3 * math.sin(2 * a), 0.0) for a in angles]
    return {
        "name": "sway",
        "duration": SECONDS,
        "frameRate": 1,
        "loopMode": "repeat",
        "interpolation": "spline",
        "smoothness": 1,
        "keyframes": {
            "times": [SECONDS * key / KEYS for key in range(KEYS)],
            "values": {
                "position": [value for position in positions for value in position],
                "target": [0.0, 0.0, distance] * KEYS,
                "fov": [fov] * KEYS,
            },
        },
    }


def _no_effects() -> dict[str, Any]:
    """The viewer needs values for all effects, even if they are off."""
    return {
        "sharpness": {"enabled": False, "amount": 0},
        "bloom": {"enabled": False, "intensity": 0.1, "blurLevel": 2},
        "grading": {"enabled": False, "brightness": 1, "contrast": 1, "saturation": 1, "tint": [1, 1, 1]},
        "vignette": {"enabled": False, "intensity": 0.5, "inner": 0.3, "outer": 0.75, "curvature": 1},
        "fringing": {"enabled": False, "intensity": 0.5},
    }
