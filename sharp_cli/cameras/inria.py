"""``cameras.json`` as the original 3D Gaussian Splatting writes it next to its splats.

Each camera has ``position`` and ``rotation`` (camera to world, OpenCV axes), ``width``, ``height``, ``fx``, ``fy``; the
principal point is the picture's center unless ``cx`` and ``cy`` are there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sharp_cli.cameras.frames import Frame, make_intrinsics, number, pixels, poses_to_viewmats
from sharp_cli.errors import SharpError


def is_inria(content: Any) -> bool:
    """Whether the content of a JSON file looks like such a file."""
    return isinstance(content, list) and bool(content) and isinstance(content[0], dict) and "rotation" in content[0]


def parse_inria(path: Path, content: list[Any]) -> list[Frame]:
    """Read all cameras, in the file's order.

    Raises:
        SharpError: something missing or of the wrong kind, or a matrix that is not rigid.
    """
    where = [f"{path}, camera {index}" for index in range(len(content))]
    poses = [_pose(place, camera) for place, camera in zip(where, content, strict=True)]
    viewmats = poses_to_viewmats(where, poses, "rotation and position", opengl=False)
    frames = []
    for place, camera, viewmat in zip(where, content, viewmats, strict=True):
        width, height = pixels(place, camera, "width"), pixels(place, camera, "height")
        fx = number(place, camera, "fx")
        K = (fx, number(place, camera, "fy", fx), number(place, camera, "cx", width / 2))
        intrinsics = make_intrinsics(place, (*K, number(place, camera, "cy", height / 2)), width, height)
        frames.append(Frame(viewmat, intrinsics.K, width, height))
    return frames


def _pose(where: str, camera: Any) -> list[Any]:
    """Camera to world as rows of a 4 × 4 matrix; wrong entries are left for the check of all matrices."""
    facts = camera if isinstance(camera, dict) else {}
    rotation, position = facts.get("rotation"), facts.get("position")
    if not (isinstance(rotation, list) and isinstance(position, list) and len(rotation) == len(position) == 3) or any(
        not isinstance(row, list) or len(row) != 3 for row in rotation
    ):
        raise SharpError(f"{where}: needs a rotation of 3 rows of 3 numbers and a position of 3 numbers")
    return [*([*row, place] for row, place in zip(rotation, position, strict=True)), [0, 0, 0, 1]]
