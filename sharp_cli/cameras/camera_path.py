"""``camera_path.json`` as nerfstudio's viewer exports it for rendering.

``camera_to_world`` is a row-major 4 × 4 matrix with OpenGL camera axes, ``fov`` the vertical field of view [degrees] at
``render_height``.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from sharp_cli.cameras.frames import Frame, make_intrinsics, number, pixels, poses_to_viewmats
from sharp_cli.cameras.lenses import Lens
from sharp_cli.errors import SharpError

LENSES = {"perspective": None, "fisheye": Lens("fisheye"), "equirectangular": Lens("equirectangular")}


def is_camera_path(content: Any) -> bool:
    """Whether the content of a JSON file looks like such a file."""
    return isinstance(content, dict) and isinstance(content.get("camera_path"), list)


def parse_camera_path(path: Path, content: dict[str, Any]) -> list[Frame]:
    """Read all cameras of the path.

    Raises:
        SharpError: something missing or of the wrong kind, no camera, or an unknown camera type.
    """
    cameras = content["camera_path"]
    kind = content.get("camera_type", "perspective")
    if not isinstance(kind, str) or kind not in LENSES:
        shown, known = (kind if isinstance(kind, str) else json.dumps(kind))[:40], ", ".join(LENSES)
        raise SharpError(f"cannot use {path}: camera_type {shown} is not supported (supported: {known})")
    if not cameras:
        raise SharpError(f"cannot use {path}: its camera_path is empty")
    width, height = (pixels(str(path), content, f"render_{side}") for side in ("width", "height"))
    where = [f"{path}, camera_path[{index}]" for index in range(len(cameras))]
    poses = [_pose(place, camera) for place, camera in zip(where, cameras, strict=True)]
    viewmats = poses_to_viewmats(where, poses, "camera_to_world", opengl=True)
    frames = []
    for place, camera, viewmat in zip(where, cameras, viewmats, strict=True):
        focal = width / math.tau
        if kind != "equirectangular":
            angle = number(place, camera, "fov")
            if not 0 < angle < 180:
                raise SharpError(f"{place}: fov must lie between 0 and 180 degrees, not {angle:g}")
            focal = height / 2 / math.tan(math.radians(angle) / 2)
        K = (focal, focal, width / 2, height / 2)
        intrinsics = make_intrinsics(place, K, width, height, LENSES[kind])
        frames.append(Frame(viewmat, intrinsics.K, width, height, intrinsics.lens))
    return frames


def _pose(where: str, camera: Any) -> list[Any]:
    values = camera.get("camera_to_world") if isinstance(camera, dict) else None
    if not isinstance(values, list) or len(values) not in (4, 16):
        raise SharpError(f"{where}: camera_to_world must have 16 numbers")
    return values if len(values) == 4 else [values[row : row + 4] for row in range(0, 16, 4)]
