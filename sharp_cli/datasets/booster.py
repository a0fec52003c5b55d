"""Booster ("balanced" part) as downloaded: high-resolution stereo of transparent and mirroring things.

A scene is a folder with camera_00/*.png (left) and camera_02/*.png (right) under several lights, one disp_00.npy and
disp_02.npy for all of them, and calib_00-02.xml as OpenCV writes it.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from sharp_cli.datasets.samples import Sample
from sharp_cli.datasets.stereo import Map, stereo_pair
from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.errors import SharpError

CALIBRATION = "calib_00-02.xml"
LEFT, RIGHT = "camera_00", "camera_02"
MILLIMETERS = 1000


def booster_samples(folder: Path) -> list[Sample]:
    """All scenes below a folder under each of their lights, by name.

    Raises:
        SharpError: there are none.
    """
    scenes = sorted(path.parent for path in folder.rglob(CALIBRATION))
    samples = [
        Sample(f"{_name(scene, folder)}/{left.stem}", partial(read_scene, scene, left.name))
        for scene in scenes
        for left in sorted((scene / LEFT).glob("*.png"))
        if (scene / RIGHT / left.name).is_file()
    ]
    if not samples:
        raise SharpError(
            f"no Booster scenes in {folder}: a scene is a folder with {CALIBRATION}, {LEFT}/*.png, {RIGHT}/*.png and "
            'disp_00.npy (choose the "balanced" folder of the training part)'
        )
    return samples


def read_scene(scene: Path, picture: str) -> ViewPair:
    """Read a scene's folder, with the pictures of one light.

    Raises:
        SharpError: a file is missing, damaged or of another size.
    """
    Ks, baseline = _read_calibration(scene / CALIBRATION)
    disparities = _read_disparity(scene / "disp_00.npy"), _read_disparity(scene / "disp_02.npy")
    return stereo_pair((scene / LEFT / picture, scene / RIGHT / picture), disparities, Ks, baseline)


def _name(scene: Path, folder: Path) -> str:
    return scene.relative_to(folder).as_posix() if scene != folder else folder.name


def _read_calibration(path: Path) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], float]:
    """(3, 3) K of both rectified views, and the baseline [m]."""
    try:
        root = ElementTree.parse(path).getroot()
        left, right = (_matrix(root, name) for name in ("proj_matL", "proj_matR"))
        baseline = float(root.findtext("baselineLR") or "nan") / MILLIMETERS
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error
    except (ElementTree.ParseError, ValueError) as error:
        raise SharpError(f"cannot read {path}: not an OpenCV calibration file: {error}") from error
    if not (0 < baseline < np.inf and min(left[0, 0], right[0, 0]) > 0):
        raise SharpError(f"cannot use {path}: focal lengths and baselineLR must be positive")
    return (left[:, :3], right[:, :3]), baseline


def _matrix(root: ElementTree.Element, name: str) -> NDArray[np.float64]:
    values = np.array((root.findtext(f"{name}/data") or "").split(), np.float64)
    if values.size != 12 or not np.isfinite(values).all():
        raise ValueError(f"{name} must be 3 rows of 4 numbers")
    return values.reshape(3, 4)


@lru_cache(maxsize=2)
def _read_disparity(path: Path) -> Map | None:
    """A view's disparities; remembered, since the lights of a scene come one after the other."""
    if not path.is_file():
        return None
    try:
        disparity = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SharpError(f"cannot read {path}: {error}") from error
    if disparity.ndim != 2 or disparity.dtype.kind not in "fiu":
        raise SharpError(f"cannot read {path}: not a disparity map")
    return disparity.astype(np.float32)
