"""Cameras as files describe them, one per picture, and their way into views to render."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharp_cli.cameras.lenses import Lens
from sharp_cli.cameras.views import Size, Views, fit_views
from sharp_cli.errors import SharpError

RIGID = 1e-3
"""How far the product of a rotation with its transpose may be from the identity, for files of few digits."""
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""Camera axes from OpenGL (x right, y up, z back) to OpenCV (x right, y down, z forward), and back."""

GUESSES = ("", ".png", ".jpg", ".jpeg", ".JPG", ".PNG")
"""Endings of pictures that a file names without one."""


@dataclass(frozen=True)
class Frame:
    """One camera of a file, and the picture that belongs to it."""

    viewmat: Tensor
    """(4, 4) float32, world to camera: x right, y down, z forward."""
    K: Tensor
    """(3, 3) float32 [px]."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    lens: Lens | None = None
    """None: a pinhole."""
    folder: Path | None = None
    """Where the names of the next two start."""
    picture_name: str | None = None
    depth_name: str | None = None

    @property
    def picture(self) -> Path | None:
        """The picture that belongs to the camera; it need not exist."""
        return self._find(self.picture_name)

    @property
    def depth(self) -> Path | None:
        """Its depth map, likewise."""
        return self._find(self.depth_name)

    def _find(self, name: str | None) -> Path | None:
        return None if name is None or self.folder is None else find_picture(self.folder, name)


@dataclass(frozen=True)
class Intrinsics:
    """What a camera is apart from its pose."""

    K: Tensor
    """(3, 3) float32 [px]."""
    width: int
    height: int
    lens: Lens | None = None


def to_views(frames: Sequence[Frame], size: Size | None = None) -> list[Views]:
    """Frames as views to render, in their order: one item per run of frames of one picture size and lens.

    Args:
        size: as for :func:`~sharp_cli.cameras.views.fit_size`, for each frame. Default: as the file says.
    """
    found = []
    for (width, height, lens), group in groupby(frames, key=lambda frame: (frame.width, frame.height, frame.lens)):
        run = list(group)
        viewmats, Ks = (torch.stack([getattr(frame, name) for frame in run]) for name in ("viewmat", "K"))
        views = Views(viewmats, Ks, width, height, lens)
        found.append(views if size is None else fit_views(views, size))
    return found


def require_pinholes(path: Path, frames: Sequence[Frame]) -> None:
    """Refuse frames with a lens.

    Raises:
        SharpError: the first one.
    """
    for index, frame in enumerate(frames):
        if frame.lens is not None:
            raise SharpError(
                f"cannot use {path}: frames[{index}] has lens distortion ({frame.lens.model}) "
                "(undistort the pictures and write their cameras again)"
            )


def poses_to_viewmats(where: Sequence[str], poses: Sequence[Any], names: str, *, opengl: bool) -> tuple[Tensor, ...]:
    """Camera-to-world matrices as nested lists → (4, 4) float32 world-to-camera matrices.

    Args:
        where: what to call each camera in errors.
        names: what the matrix is called in errors.
        opengl: the camera axes are OpenGL's, not OpenCV's.

    Raises:
        SharpError: a matrix of another shape, numbers that are not finite, or not a rotation and a place.
    """
    matrices = _all_matrices(poses)
    if matrices is None:
        matrices = np.stack([_matrix(place, pose, names) for place, pose in zip(where, poses, strict=True)])
    rotations = matrices[:, :3, :3]
    with np.errstate(all="ignore"):
        skew = np.abs(rotations.transpose(0, 2, 1) @ rotations - np.eye(3)).max(axis=(1, 2))
        last_row = np.abs(matrices[:, 3] - [0, 0, 0, 1]).max(axis=1)
        rigid = (
            (skew <= RIGID)
            & (last_row <= RIGID)
            & (np.linalg.det(np.where(skew[:, None, None] <= 1, rotations, 0)) > 0)
        )
    if not rigid.all():
        place = where[int(np.argmin(rigid))]
        raise SharpError(f"{place}: the {names} is not a rotation and a position (remove scaling and mirroring)")
    viewmats = torch.from_numpy(np.linalg.inv(matrices @ OPENGL if opengl else matrices)).float()
    finite = viewmats.isfinite().all(dim=2).all(dim=1)
    if not finite.all():
        raise SharpError(f"{where[int(finite.int().argmin())]}: the {names} is too far away for 32-bit numbers")
    viewmats[:, 3] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    return viewmats.unbind(0)


def _all_matrices(poses: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    """All matrices at once, which is fast for many; None if anything about one of them is odd."""
    try:
        kinds = {type(value) for pose in poses for row in pose for value in row}
        matrices = np.array(poses, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    sound = kinds <= {int, float} and matrices.shape[1:] == (4, 4) and np.isfinite(matrices).all()
    return matrices if sound else None


def _matrix(where: str, rows: Any, names: str) -> npt.NDArray[np.float64]:
    rows = rows if isinstance(rows, list) else []
    if len(rows) != 4 or any(not isinstance(row, list) or len(row) != 4 for row in rows):
        raise SharpError(f"{where}: {names} must be 4 rows of 4 numbers")
    entries = {f"{names}[{i}][{j}]": value for i, row in enumerate(rows) for j, value in enumerate(row)}
    return np.array([number(where, entries, key) for key in entries]).reshape(4, 4)


def make_intrinsics(where: str, K: Sequence[float], width: int, height: int, lens: Lens | None = None) -> Intrinsics:
    """Intrinsics of focal lengths fx, fy and principal point cx, cy [px].

    Raises:
        SharpError: numbers beyond any camera's range.
    """
    fx, fy, cx, cy = K
    matrix = torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64).float()
    if not matrix.isfinite().all() or min(fx, fy) < torch.finfo(torch.float32).tiny:
        raise SharpError(f"{where}: intrinsics are out of range: focal lengths {fx}, {fy}, center {cx}, {cy}")
    return Intrinsics(matrix, width, height, lens)


def number(where: str, facts: Mapping[str, Any], key: str, default: float | None = None) -> float:
    """A finite number under a key.

    Raises:
        SharpError: missing without a default, of another type, or not finite.
    """
    value = facts.get(key, default)
    try:
        found = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise SharpError(f"{where}: {key} must be a finite number, not {json.dumps(value)[:40]}")
    return found


def pixels(where: str, facts: Mapping[str, Any], key: str) -> int:
    """A side of a picture under a key.

    Raises:
        SharpError: not a positive whole number.
    """
    value = number(where, facts, key)
    if value < 1 or value != int(value):
        raise SharpError(f"{where}: {key} must be a whole number of pixels, not {value:g}")
    return int(value)


def find_picture(folder: Path, name: str) -> Path:
    """The picture of a name in a camera file; an ending that the name leaves out is guessed from what exists."""
    picture = folder / name.replace("\\", "/")
    if picture.suffix:
        return picture
    guesses = (picture.with_name(picture.name + ending) for ending in GUESSES)
    return next((guess for guess in guesses if guess.is_file()), picture)


def picture_size(picture: Path | None) -> tuple[int, int] | None:
    """Width and height [px] as stored, without EXIF's rotation; None if the picture cannot be read."""
    from PIL import Image

    try:
        if picture is None or not picture.is_file():
            return None
        with Image.open(picture) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
