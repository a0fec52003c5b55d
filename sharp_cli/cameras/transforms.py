"""Cameras as ``transforms.json``, in nerfstudio's convention.

``transform_matrix`` is camera to world with OpenGL camera axes (x right, y up, z back); ours are OpenCV's (x right,
y down, z forward). Reading and writing turn the camera's own axes only: the world stays as it is, so that a file that
was made for a splat fits that splat. (nerfstudio's own worlds have z up, ours y down; its viewer shows ours lying.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharp_cli.cameras.views import Views
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write

PERSPECTIVE = ("PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "RADIAL", "SIMPLE_RADIAL")
"""Camera models that are a pinhole when nothing is distorted."""
DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")

RIGID = 1e-3
"""How far the product of a rotation with its transpose may be from the identity, for files of few digits."""
TURN_AXES = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64))
"""Camera axes from OpenCV to OpenGL and back."""


@dataclass(frozen=True)
class Frame:
    """One camera of a file, and the picture it belongs to."""

    viewmat: Tensor
    """(4, 4) float32, world to camera: x right, y down, z forward."""
    K: Tensor
    """(3, 3) float32 [px]."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    picture: Path | None = None
    """``file_path``, from the folder of the file; nothing says that it exists."""
    depth: Path | None = None
    """``depth_file_path``, likewise."""


def read_transforms(path: str | PathLike[str]) -> list[Frame]:
    """Read all frames, in the file's order.

    Intrinsics stand in a frame or at the top of the file. Without ``fl_x``, ``camera_angle_x`` [rad] tells it; without
    ``fl_y``, ``camera_angle_y`` or ``fl_x``; without ``cx`` or ``cy``, the picture's centre.

    Raises:
        SharpError: not such a file, no frames, something missing or of the wrong kind, a matrix that is not rigid, or
            a camera that no pinhole describes (fisheye, distortion).
    """
    path = Path(path)
    content = _load(path)
    frames = content.get("frames")
    if not isinstance(frames, list) or not frames:
        raise SharpError(f"{path} is no transforms.json: it needs a list of 'frames' with at least one camera.")
    return [_frame(path, content, index, frame) for index, frame in enumerate(frames)]


def views_from_transforms(path: str | PathLike[str]) -> Views:
    """All frames of a file as views to render.

    Raises:
        SharpError: as :func:`read_transforms`, or frames of different picture sizes.
    """
    frames = read_transforms(path)
    width, height = frames[0].width, frames[0].height
    for index, frame in enumerate(frames):
        if (frame.width, frame.height) != (width, height):
            raise SharpError(
                f"{path} has pictures of different sizes, {width} × {height} in frames[0] and {frame.width} × "
                f"{frame.height} in frames[{index}]; put each size into a file of its own."
            )
    return Views(
        torch.stack([frame.viewmat for frame in frames]), torch.stack([frame.K for frame in frames]), width, height
    )


def write_transforms(path: str | PathLike[str], views: Views, pictures: Sequence[str] | None = None) -> None:
    """Write views; intrinsics stand at the top where all frames share them.

    The file appears under its name only when it is complete.

    Args:
        pictures: ``file_path`` of each view, from the folder of the file, with forward slashes.

    Raises:
        ValueError: not as many pictures as views.
        OSError: the file cannot be written.
    """
    if pictures is not None and len(pictures) != len(views):
        raise ValueError(f"{len(views)} views need as many pictures, not {len(pictures)}")
    intrinsics = [_lens(K) for K in views.Ks]
    shared = intrinsics[0] if all(lens == intrinsics[0] for lens in intrinsics) and intrinsics else {}
    poses = (torch.linalg.inv(views.viewmats.double().cpu()) @ TURN_AXES).tolist()
    frames = [
        {
            **({"file_path": pictures[index]} if pictures is not None else {}),
            **({} if shared else intrinsics[index]),
            "transform_matrix": pose,
        }
        for index, pose in enumerate(poses)
    ]
    content = {"camera_model": "PINHOLE", "w": views.width, "h": views.height, **shared, "frames": frames}
    with atomic_write(Path(path)) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SharpError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise SharpError(f"{path} is not a JSON file: {error}.") from error
    if not isinstance(content, dict):
        raise SharpError(f"{path} is no transforms.json: it needs an object with a list of 'frames'.")
    return content


def _frame(path: Path, content: Mapping[str, Any], index: int, frame: Any) -> Frame:
    where = f"{path}, frames[{index}]"
    if not isinstance(frame, dict):
        raise SharpError(f"{where} is not an object.")
    facts = {**content, **frame}
    _check_pinhole(where, facts)
    width, height = (_pixels(where, facts, key) for key in ("w", "h"))
    return Frame(
        viewmat=_viewmat(where, frame.get("transform_matrix")),
        K=_intrinsics(where, facts, width, height),
        width=width,
        height=height,
        picture=_file(where, path, frame, "file_path"),
        depth=_file(where, path, frame, "depth_file_path"),
    )


def _check_pinhole(where: str, facts: Mapping[str, Any]) -> None:
    model = facts.get("camera_model", PERSPECTIVE[0])
    if model not in PERSPECTIVE:
        raise SharpError(f"{where} has the camera model {model}; only pinhole cameras can be rendered.")
    distorted = [key for key in DISTORTION if _number(where, facts, key, 0.0) != 0]
    if distorted:
        raise SharpError(
            f"{where} has lens distortion ({', '.join(distorted)}), which a pinhole camera cannot show; "
            "undistort the pictures and write their cameras anew."
        )


def _viewmat(where: str, matrix: Any) -> Tensor:
    rows = matrix if isinstance(matrix, list) else []
    if len(rows) != 4 or any(not isinstance(row, list) or len(row) != 4 for row in rows):
        raise SharpError(f"{where} needs a transform_matrix of 4 rows with 4 numbers each.")
    entries = {f"transform_matrix[{i}][{j}]": value for i, row in enumerate(rows) for j, value in enumerate(row)}
    pose = torch.tensor([_number(where, entries, key) for key in entries], dtype=torch.float64).reshape(4, 4)
    rotation = pose[:3, :3]
    skew = (rotation.T @ rotation - torch.eye(3, dtype=torch.float64)).abs().max()
    last_row = (pose[3] - torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)).abs().max()
    if not (skew <= RIGID and torch.linalg.det(rotation) > 0 and last_row <= RIGID):
        raise SharpError(
            f"{where} has a transform_matrix that is not a rotation and a place; scaling must be taken out."
        )
    viewmat = torch.linalg.inv(pose @ TURN_AXES).float()
    if not viewmat.isfinite().all():
        raise SharpError(f"{where} has a transform_matrix with a place too far away for 32-bit numbers.")
    viewmat[3] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    return viewmat


def _intrinsics(where: str, facts: Mapping[str, Any], width: int, height: int) -> Tensor:
    focal = {axis: _focal(where, facts, axis, side) for axis, side in (("x", width), ("y", height))}
    fx, fy = focal["x"], focal["y"] or focal["x"]
    if fx is None or fy is None:
        raise SharpError(f"{where} has no focal length; it needs fl_x [px] or camera_angle_x [rad].")
    cx, cy = _number(where, facts, "cx", width / 2), _number(where, facts, "cy", height / 2)
    K = torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64).float()
    if not K.isfinite().all() or min(fx, fy) < torch.finfo(torch.float32).tiny:
        raise SharpError(f"{where} has intrinsics out of any camera's range: fl_x {fx}, fl_y {fy}, cx {cx}, cy {cy}.")
    return K


def _focal(where: str, facts: Mapping[str, Any], axis: str, side: int) -> float | None:
    if f"fl_{axis}" in facts:
        focal = _number(where, facts, f"fl_{axis}")
        if focal <= 0:
            raise SharpError(f"{where} needs a positive fl_{axis}, not {focal}.")
        return focal
    if f"camera_angle_{axis}" not in facts:
        return None
    angle = _number(where, facts, f"camera_angle_{axis}")
    if not 0 < angle < math.pi:
        raise SharpError(f"{where} needs a camera_angle_{axis} between 0 and π, not {angle}.")
    return side / 2 / math.tan(angle / 2)


def _pixels(where: str, facts: Mapping[str, Any], key: str) -> int:
    if key not in facts:
        raise SharpError(f"{where} has no {key}; add the pictures' size as w and h to the file.")
    value = _number(where, facts, key)
    if value < 1 or value != int(value):
        raise SharpError(f"{where} needs a whole number of pixels as {key}, not {value:g}.")
    return int(value)


def _number(where: str, facts: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = facts.get(key, default)
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SharpError(f"{where} needs a finite number as {key}, not {json.dumps(value)[:40]}.")
    return number


def _file(where: str, path: Path, frame: Mapping[str, Any], key: str) -> Path | None:
    name = frame.get(key)
    if name is None:
        return None
    if not isinstance(name, str) or not name:
        raise SharpError(f"{where} needs a file's name as {key}, not {json.dumps(name)[:40]}.")
    return path.parent / name.replace("\\", "/")


def _lens(K: Tensor) -> dict[str, float]:
    return {"fl_x": K[0, 0].item(), "fl_y": K[1, 1].item(), "cx": K[0, 2].item(), "cy": K[1, 2].item()}
