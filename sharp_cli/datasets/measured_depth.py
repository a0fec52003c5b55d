"""Photos with measured depth: a folder with an index of photos and inverse depth, or nerfstudio folders.

The index is ``index.csv`` with the columns ``name``, ``peak_inverse_depth`` and, if there are several, ``split``. Each
name has ``photos/NAME.jpg`` and ``inverse_depth/NAME.png`` (16 bit): value / 65535 × peak_inverse_depth is the inverse
depth in any unit, 0 where it is not known. Sizes may differ; corners coincide.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sharp_cli.cameras.frames import Frame, require_pinholes
from sharp_cli.cameras.transforms import read_transforms
from sharp_cli.datasets.posed import read_depth
from sharp_cli.errors import SharpError
from sharp_cli.photo import FocalOverride, Photo, read_photo

INDEX, TRANSFORMS = "index.csv", "transforms.json"
LARGEST = 65535


@dataclass(frozen=True)
class MeasuredPhoto:
    """A photo with measured inverse depth, loaded when its turn comes."""

    name: str
    """Unique in its folder."""
    group: str
    """Which set it belongs to: the name up to its last hyphen, or the folder's name."""
    load: Callable[[], tuple[Photo, NDArray[np.float32]]]
    """The photo, and (H, W) inverse depth, 0 where it is not known. Raises SharpError for files that cannot be used."""


def measured_photos(folder: Path, split: str | None = "test") -> list[MeasuredPhoto]:
    """All photos of a folder that have measured depth.

    Args:
        folder: with an ``index.csv``, or with nerfstudio's ``transforms.json`` in it or below it.
        split: the index's rows with this split; None for all rows. Files without splits are taken whole.

    Raises:
        SharpError: there is no index, or nothing in it can be used.
    """
    if (folder / INDEX).is_file():
        return _from_index(folder, split)
    files = [folder] if folder.name == TRANSFORMS else sorted(folder.rglob(TRANSFORMS))
    photos = [photo for file in files for photo in _from_transforms(file)]
    if not photos:
        raise SharpError(f"no measured depth in {folder} (neither an {INDEX} nor a {TRANSFORMS} with depth files)")
    return photos


def _from_index(folder: Path, split: str | None) -> list[MeasuredPhoto]:
    file = folder / INDEX
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SharpError(f"cannot read {file}: {error}") from error
    try:
        wanted = [row for row in rows if split is None or row.get("split", split) == split]
        found = [_row(folder, row["name"], float(row["peak_inverse_depth"])) for row in wanted]
    except (KeyError, TypeError, ValueError) as error:
        raise SharpError(f"cannot read {file}: every row needs a name and a peak_inverse_depth: {error}") from error
    if not found:
        raise SharpError(f"cannot use {file}: no row" + ("" if split is None else f" with split '{split}'"))
    return found


def _row(folder: Path, name: str, peak: float) -> MeasuredPhoto:
    return MeasuredPhoto(name, name.rpartition("-")[0] or name, partial(_load_row, folder, name, peak))


def _load_row(folder: Path, name: str, peak: float) -> tuple[Photo, NDArray[np.float32]]:
    path = folder / "inverse_depth" / f"{name}.png"
    try:
        with Image.open(path) as image:
            values = np.asarray(image)
    except (OSError, UnidentifiedImageError) as error:
        raise SharpError(f"cannot read {path}: {error}") from error
    if values.ndim != 2 or values.dtype == np.uint8:
        raise SharpError(f"cannot read {path}: inverse depth must be a 16-bit PNG with one channel")
    inverse = values.astype(np.float32) * np.float32(peak / LARGEST)
    return read_photo(folder / "photos" / f"{name}.jpg"), inverse


def _from_transforms(file: Path) -> list[MeasuredPhoto]:
    frames = [frame for frame in read_transforms(file) if frame.picture is not None and frame.depth is not None]
    require_pinholes(file, frames)
    group = file.parent.name
    return [MeasuredPhoto(f"{group}/{i}", group, partial(_load_frame, frame)) for i, frame in enumerate(frames)]


def _load_frame(frame: Frame) -> tuple[Photo, NDArray[np.float32]]:
    assert frame.picture is not None and frame.depth is not None
    depth = read_depth(frame.depth)
    inverse = np.divide(1.0, depth, out=np.zeros_like(depth), where=depth > 0)
    return read_photo(frame.picture, focal=FocalOverride(px=float(frame.K[0, 0]))), inverse
