"""Middlebury and Booster folders made by the formats' rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from truths import paint

MATRIX = """<{0} type_id="opencv-matrix"><rows>3</rows><cols>4</cols><dt>d</dt><data>
    100. 0. {1} {2} 0. 100. 14.5
    0. 0. 0. 1. 0.</data></{0}>"""

SHIFT = 7
"""Disparity of the wall in these pictures [px]."""


def write_pfm(path: Path, values: np.ndarray, scale: str = "-1.0") -> None:
    order = "<f4" if scale.startswith("-") else ">f4"
    header = f"Pf\n{values.shape[1]} {values.shape[0]}\n{scale}\n".encode()
    path.write_bytes(header + values[::-1].astype(order).tobytes())


def wall(width: int = 40, height: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """A wall seen from the left and, SHIFT pixels further left, from the right."""
    y, x = np.mgrid[:height, : width + SHIFT] * 0.05
    wide = paint(x, y)
    return wide[:, :width], wide[:, SHIFT:]


def make_middlebury(scene: Path, doffs: float = 4.0) -> None:
    """f = 100 px, 50 mm apart, the wall at Z = 100 · 0.05 / (7 + doffs)."""
    scene.mkdir(parents=True, exist_ok=True)
    left, right = wall()
    Image.fromarray(left).save(scene / "im0.png")
    Image.fromarray(right).save(scene / "im1.png")
    disparity = np.full(left.shape[:2], SHIFT, np.float32)
    disparity[0, :5] = np.inf
    write_pfm(scene / "disp0.pfm", disparity, "-0.003922")
    write_pfm(scene / "disp1.pfm", disparity, "-0.003922")
    (scene / "calib.txt").write_text(
        f"cam0=[100 0 18.5; 0 100 14.5; 0 0 1]\ncam1=[100 0 {18.5 + doffs}; 0 100 14.5; 0 0 1]\n"
        f"doffs={doffs}\nbaseline=50\nwidth=40\nheight=30\nndisp=64\nisint=0\nvmin=5\nvmax=60\ndyavg=0\ndymax=0\n"
    )


def make_booster(scene: Path) -> None:
    for camera in ("camera_00", "camera_02"):
        (scene / camera).mkdir(parents=True)
    for light in ("im0.png", "im1.png"):
        for camera, picture in zip(("camera_00", "camera_02"), wall(), strict=True):
            Image.fromarray(picture).save(scene / camera / light)
    for name in ("disp_00.npy", "disp_02.npy"):
        np.save(scene / name, np.full((30, 40), SHIFT, np.float32))
    matrices = MATRIX.format("proj_matL", 18.5, "0."), MATRIX.format("proj_matR", 18.5, "-5.")
    (scene / "calib_00-02.xml").write_text(
        f'<?xml version="1.0"?>\n<opencv_storage>\n{matrices[0]}\n{matrices[1]}\n'
        "<baselineLR>5.0000000000000000e+01</baselineLR>\n</opencv_storage>\n"
    )
