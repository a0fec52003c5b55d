"""Camera files of other tools. The content decides which kind a file is.

| file               | written by                                | module        |
| ------------------ | ----------------------------------------- | ------------- |
| transforms.json    | nerfstudio, instant-ngp, Blender scenes   | transforms    |
| camera_path.json   | nerfstudio's viewer                       | camera_path   |
| cameras.json       | the original 3D Gaussian Splatting        | inria         |
| COLMAP's folder    | COLMAP, as binary or text                 | colmap        |
"""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path

from sharp_cli.cameras.camera_path import is_camera_path, parse_camera_path
from sharp_cli.cameras.colmap import find_model, read_colmap
from sharp_cli.cameras.frames import Frame, to_views
from sharp_cli.cameras.inria import is_inria, parse_inria
from sharp_cli.cameras.transforms import load_json, parse_transforms
from sharp_cli.cameras.views import Size, Views
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import user_path

TRANSFORMS = "transforms.json"


def read_cameras(path: str | PathLike[str], size: Size | None = None) -> list[Frame]:
    """Read the cameras of a file or folder of any known kind, in its order.

    Args:
        size: width and height [px] of pictures whose size is not known.

    Raises:
        SharpError: the file cannot be read, is of no known kind, or describes a camera that cannot be rendered.
    """
    path = user_path(path)
    if path.is_dir():
        if model := find_model(path):
            return read_colmap(*model)
        if not (path / TRANSFORMS).is_file():
            raise SharpError(f"cannot use {path}: it holds neither a COLMAP model nor a {TRANSFORMS}")
        path /= TRANSFORMS
    content = load_json(path)
    if is_inria(content):
        return parse_inria(path, content)
    if is_camera_path(content):
        return parse_camera_path(path, content)
    return parse_transforms(path, content, size)


def read_views(path: str | PathLike[str], size: Size | None = None) -> list[Views]:
    """The cameras of a file as views to render, one item per run of frames of one picture size and lens.

    Args:
        size: long side, or width and height [px], of every picture. Default: as the file says.

    Raises:
        SharpError: as :func:`read_cameras`.
    """
    frames = read_cameras(path, size)
    try:
        return to_views(frames, size)
    except SharpError as error:
        raise SharpError(f"cannot use {path}: {error}", error.code) from error


def cameras_digest(path: str | PathLike[str]) -> str:
    """SHA-256 of the files that :func:`read_cameras` reads.

    Raises:
        SharpError: a file cannot be read.
    """
    path = user_path(path)
    files: tuple[Path, ...] = (path,)
    if path.is_dir():
        files = find_model(path) or (path / TRANSFORMS,)
    digest = hashlib.sha256()
    try:
        for file in files:
            with file.open("rb") as content:
                while block := content.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.hexdigest()
