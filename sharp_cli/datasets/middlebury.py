"""Middlebury 2014 as downloaded: a folder for each scene with calib.txt, im0.png, im1.png, disp0.pfm and disp1.pfm.

The scenes of the third evaluation (MiddEval3) are the same in smaller sizes, with disp0GT.pfm.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharp_cli.datasets.pfm import read_pfm
from sharp_cli.datasets.samples import Sample
from sharp_cli.datasets.stereo import Map, stereo_pair
from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.errors import SharpError

CALIBRATION = "calib.txt"
LEFT, RIGHT = "im0.png", "im1.png"
MILLIMETERS = 1000


def middlebury_samples(folder: Path) -> list[Sample]:
    """All scenes below a folder, by name.

    Raises:
        SharpError: there are none.
    """
    scenes = sorted(path.parent for path in folder.rglob(CALIBRATION) if (path.parent / LEFT).is_file())
    if not scenes:
        raise SharpError(
            f"no Middlebury scenes in {folder}: a scene is a folder with {CALIBRATION}, {LEFT}, {RIGHT} and disp0.pfm"
        )
    return [
        Sample(scene.relative_to(folder).as_posix() if scene != folder else folder.name, partial(read_scene, scene))
        for scene in scenes
    ]


def read_scene(scene: Path) -> ViewPair:
    """Read one scene's folder.

    Raises:
        SharpError: a file is missing, damaged or of another size.
    """
    calibration = _read_calibration(scene / CALIBRATION)
    Ks = _matrix(scene, calibration, "cam0"), _matrix(scene, calibration, "cam1")
    baseline = _number(scene, calibration, "baseline") / MILLIMETERS
    return stereo_pair((scene / LEFT, scene / RIGHT), (_disparity(scene, 0), _disparity(scene, 1)), Ks, baseline)


def _read_calibration(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError) as error:
        raise SharpError(f"cannot read {path}: {error}") from error
    return {key.strip(): value.strip() for key, equals, value in (line.partition("=") for line in lines) if equals}


def _matrix(scene: Path, calibration: dict[str, str], key: str) -> NDArray[np.float64]:
    """``[f 0 cx; 0 f cy; 0 0 1]``."""
    rows = [row.split() for row in calibration.get(key, "").strip("[]").split(";")]
    try:
        K = np.array(rows, np.float64)
    except ValueError:
        K = np.zeros(0)
    if K.shape != (3, 3) or not np.isfinite(K).all() or min(K[0, 0], K[1, 1]) <= 0:
        raise SharpError(f"cannot use {scene / CALIBRATION}: {key} must have the form [f 0 cx; 0 f cy; 0 0 1]")
    return K


def _number(scene: Path, calibration: dict[str, str], key: str) -> float:
    try:
        value = float(calibration[key])
    except (KeyError, ValueError):
        value = np.nan
    if not 0 < value < np.inf:
        raise SharpError(f"cannot use {scene / CALIBRATION}: {key} must be a positive number")
    return value


def _disparity(scene: Path, view: int) -> Map | None:
    for name in (f"disp{view}.pfm", f"disp{view}GT.pfm"):
        if (scene / name).is_file():
            return read_pfm(scene / name)
    return None
