"""Cameras as ``transforms.json``, in the convention of nerfstudio and instant-ngp.

``transform_matrix`` is camera to world with OpenGL camera axes (x right, y up, z back); ours are OpenCV's (x right,
y down, z forward). Reading and writing turn the camera's own axes only: the world stays as it is, so that a file that
was made for a splat fits that splat. (nerfstudio's own worlds have z up, ours y down; its viewer shows ours lying.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharp_cli.cameras.frames import (
    OPENGL,
    Frame,
    Intrinsics,
    find_picture,
    make_intrinsics,
    number,
    picture_size,
    pixels,
    poses_to_viewmats,
)
from sharp_cli.cameras.lenses import Lens
from sharp_cli.cameras.views import Size, Views
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write, user_path

PERSPECTIVE = ("PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
FISHEYE = ("OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
EQUIRECTANGULAR = "EQUIRECTANGULAR"

LENS_KEYS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
LIST_KEYS = ("k1", "k2", "k3", "k4", "p1", "p2")
"""The order of nerfstudio's ``distortion_params``."""
OWN_KEYS = (
    *("w", "h", "fl_x", "fl_y", "cx", "cy", "camera_angle_x", "camera_angle_y", "x_fov", "y_fov"),
    *("camera_model", "is_fisheye", "is_latlong", "distortion_params", *LENS_KEYS),
)
"""What describes a camera apart from its pose: at the top of the file, or in a frame."""


def read_transforms(path: str | PathLike[str], size: Size | None = None) -> list[Frame]:
    """Read all frames, in the file's order.

    Intrinsics stand in a frame or at the top of the file. Without ``fl_x``, ``camera_angle_x`` [rad] gives it, or
    instant-ngp's ``x_fov`` [degrees]; along y alike. If one of the two is missing, the other counts. Without ``cx`` or
    ``cy``, it is the picture's center; without ``w`` or ``h``, the size of the frame's picture, or ``size``.

    Args:
        size: width and height [px] of pictures whose size is not known; a long side alone cannot help.

    Raises:
        SharpError: not such a file, no frames, something missing or of the wrong kind, a matrix that is not rigid, or
            a camera model that cannot be rendered.
    """
    return parse_transforms(Path(path), load_json(Path(path)), size)


def parse_transforms(path: Path, content: Any, size: Size | None = None) -> list[Frame]:
    """:func:`read_transforms` for the content of a file."""
    if not isinstance(content, dict):
        raise SharpError(f"cannot read {path}: not a transforms.json, which is an object with a list of 'frames'")
    frames = content.get("frames")
    if not isinstance(frames, list) or not frames:
        raise SharpError(f"cannot read {path}: not a transforms.json, which has a list of 'frames', at least one")
    where = [f"{path}, frames[{index}]" for index in range(len(frames))]
    for place, frame in zip(where, frames, strict=True):
        if not isinstance(frame, dict):
            raise SharpError(f"{place}: not an object")
    poses = [frame.get("transform_matrix") for frame in frames]
    viewmats = poses_to_viewmats(where, poses, "transform_matrix", opengl=True)
    known: dict[str, Intrinsics] = {}
    found = []
    for place, frame, viewmat in zip(where, frames, viewmats, strict=True):
        names = _file_name(place, frame, "file_path"), _file_name(place, frame, "depth_file_path")
        key = repr([frame.get(key, ...) for key in OWN_KEYS])  # ... is none of JSON's values
        intrinsics = known.get(key)
        if intrinsics is None:
            facts = {**content, **frame}
            picture = None if names[0] is None else find_picture(path.parent, names[0])
            intrinsics = _intrinsics(place, facts, picture, size)
            if "w" in facts and "h" in facts:  # else it depends on the picture
                known[key] = intrinsics
        camera = intrinsics.K, intrinsics.width, intrinsics.height, intrinsics.lens
        found.append(Frame(viewmat, *camera, path.parent, *names))
    return found


def write_transforms(path: str | PathLike[str], views: Sequence[Views], pictures: Sequence[str] | None = None) -> None:
    """Write views without lenses; intrinsics stand at the top if all frames share them.

    The file appears under its name only when it is complete.

    Args:
        pictures: ``file_path`` of each view, from the folder of the file, with forward slashes.

    Raises:
        SharpError: a view with a lens.
        ValueError: not as many pictures as views.
        OSError: the file cannot be written.
    """
    count = sum(map(len, views))
    if pictures is not None and len(pictures) != count:
        raise ValueError(f"{count} views need as many pictures, not {len(pictures)}")
    if any(run.lens is not None for run in views):
        raise SharpError(f"cannot write {path}: cameras with lens distortion are not written (keep their own file)")
    lenses = [{"w": run.width, "h": run.height, **_lens(K)} for run in views for K in run.Ks]
    shared = lenses[0] if all(lens == lenses[0] for lens in lenses) and lenses else {}
    viewmats = torch.cat([run.viewmats.double().cpu() for run in views])
    poses = (torch.linalg.inv(viewmats) @ torch.from_numpy(OPENGL)).tolist()
    frames = [
        {
            **({"file_path": pictures[index]} if pictures is not None else {}),
            **({} if shared else lenses[index]),
            "transform_matrix": pose,
        }
        for index, pose in enumerate(poses)
    ]
    content = {"camera_model": "PINHOLE", **shared, "frames": frames}
    with atomic_write(user_path(path)) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        SharpError: it cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SharpError(f"cannot read {path}: not a JSON file: {error}") from error


def _intrinsics(where: str, facts: Mapping[str, Any], picture: Path | None, size: Size | None) -> Intrinsics:
    lens = _lens_of(where, facts)
    width, height = _size(where, facts, picture, size)
    if lens is not None and lens.model == "equirectangular":
        return make_intrinsics(where, (width / math.tau, width / math.tau, width / 2, height / 2), width, height, lens)
    focal = {axis: _focal(where, facts, axis, side) for axis, side in (("x", width), ("y", height))}
    fx, fy = focal["x"] or focal["y"], focal["y"] or focal["x"]
    if fx is None or fy is None:
        raise SharpError(f"{where}: no focal length (add fl_x [px] or camera_angle_x [rad])")
    cx, cy = number(where, facts, "cx", width / 2), number(where, facts, "cy", height / 2)
    return make_intrinsics(where, (fx, fy, cx, cy), width, height, lens)


def _lens_of(where: str, facts: Mapping[str, Any]) -> Lens | None:
    """The lens that ``camera_model``, its flags and its coefficients describe."""
    model = facts.get("camera_model", PERSPECTIVE[0])
    if model == EQUIRECTANGULAR or facts.get("is_latlong") is True:
        return Lens("equirectangular")
    fisheye = model in FISHEYE or facts.get("is_fisheye") is True
    if not fisheye and model not in PERSPECTIVE:
        known = ", ".join((*PERSPECTIVE, *FISHEYE, EQUIRECTANGULAR))
        raise SharpError(f"{where}: camera model {model} is not supported (supported: {known})")
    k = {key: number(where, facts, key, 0.0) for key in LENS_KEYS}
    if (listed := facts.get("distortion_params")) is not None:
        if not isinstance(listed, list) or len(listed) > len(LIST_KEYS):
            raise SharpError(f"{where}: distortion_params must be the numbers {', '.join(LIST_KEYS)}")
        named = dict(zip(LIST_KEYS, listed, strict=False))
        k |= {key: number(where, named, key) for key in named}
    if fisheye:
        return Lens("fisheye", (k["k1"], k["k2"], k["k3"], k["k4"]))
    return opencv_lens(k, rational=model == "FULL_OPENCV" or bool(k["k5"] or k["k6"]))


def opencv_lens(k: Mapping[str, float], *, rational: bool) -> Lens | None:
    """A lens of OpenCV's coefficients, by name; None if all are zero.

    Args:
        rational: k4, k5 and k6 belong to a denominator, as in OpenCV's rational model; otherwise k4 belongs to r⁸.
    """
    ends = (0.0, k["k4"], k["k5"], k["k6"]) if rational else (k["k4"], 0.0, 0.0, 0.0)
    coefficients = (k["k1"], k["k2"], k["p1"], k["p2"], k["k3"], *ends)
    return Lens("opencv", coefficients) if any(coefficients) else None


def _size(where: str, facts: Mapping[str, Any], picture: Path | None, size: Size | None) -> tuple[int, int]:
    if "w" in facts and "h" in facts:
        return pixels(where, facts, "w"), pixels(where, facts, "h")
    if found := picture_size(picture):
        return found
    if isinstance(size, tuple):
        return size
    raise SharpError(f"{where}: the picture's size is not known (add w and h to the file, or give both sides as size)")


def _focal(where: str, facts: Mapping[str, Any], axis: str, side: int) -> float | None:
    if f"fl_{axis}" in facts:
        focal = number(where, facts, f"fl_{axis}")
        if focal <= 0:
            raise SharpError(f"{where}: fl_{axis} must be positive, not {focal}")
        return focal
    if f"camera_angle_{axis}" in facts:
        angle = number(where, facts, f"camera_angle_{axis}")
        if not 0 < angle < math.pi:
            raise SharpError(f"{where}: camera_angle_{axis} must lie between 0 and π, not {angle}")
    elif f"{axis}_fov" in facts:
        angle = math.radians(number(where, facts, f"{axis}_fov"))
        if not 0 < angle < math.pi:
            raise SharpError(f"{where}: {axis}_fov must lie between 0 and 180 degrees")
    else:
        return None
    return side / 2 / math.tan(angle / 2)


def _file_name(where: str, frame: Mapping[str, Any], key: str) -> str | None:
    name = frame.get(key)
    if name is not None and (not isinstance(name, str) or not name):
        raise SharpError(f"{where}: {key} must be a file name, not {json.dumps(name)[:40]}")
    return name


def _lens(K: Tensor) -> dict[str, float]:
    return {"fl_x": K[0, 0].item(), "fl_y": K[1, 1].item(), "cx": K[0, 2].item(), "cy": K[1, 2].item()}
