"""Synthetic clips of a moving camera: how much the scale of the frames varies, as predicted and steadied; and the time.

    python benchmarks/video.py                       # three scenes of 60 frames, the bundled preview weights
    python benchmarks/video.py --ahead --scenes room:45 street:46 --frames 24       # toward what it sees
    python benchmarks/video.py --stride 3 --scenes room:41 street:42 --frames 16    # every third frame
    python benchmarks/video.py --time                # `sharp convert` of a 5-second clip of 1280 × 720
    python benchmarks/video.py --write clip.mp4 --scenes room:31 --frames 150 --size 1280 720   # a clip to convert

A frame's scale is measured in two ways. "median" is the median of predicted over true depth of all that the frame
shows: it also changes when other things come into view, whose depth the network misjudges otherwise. "surfaces"
compares only what two frames both show, for all pairs up to 32 frames apart, by least squares: what a viewer sees
swell and shrink. The tables give the standard deviation of the logarithm over the frames, and "change" that of the
change from frame to frame, which is what flickers.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from panorama import FAR, SceneAround

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

SCENES = ("room:31", "street:32", "park:33")
STEP = 0.01
"""Meters a frame, sideways or ahead."""
TURN = math.radians(0.15)
"""A frame, to the side; none when the camera moves ahead."""
TANGENT = 0.6
ROWS, COLUMNS = 72, 128
PAIRS = (1, 2, 4, 8, 16, 32)
"""How far apart the frames are whose surfaces are compared."""
SEEN_BY_BOTH = 200
"""Cells that such a pair needs."""


class Motion(NamedTuple):
    """How the camera moves."""

    ahead: bool
    stride: int

    def at(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Rotation and position of a frame, in the axes of the first."""
        index *= self.stride
        if self.ahead:
            return np.eye(3), np.array([0, 0, STEP * index])
        c, s = math.cos(TURN * index), math.sin(TURN * index)
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]), np.array([STEP * index, 0, 0])


def shoot(scene: SceneAround, pose: tuple[np.ndarray, np.ndarray], width: int, height: int):
    """sRGB and depth of one frame."""
    from sharp_cli.scenes.imaging import develop
    from sharp_cli.scenes.rendering import Pose

    focal = width / 2 / TANGENT
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    place = Pose(scene.eye + scene.axes @ pose[1], scene.axes @ pose[0], K)
    seen = scene.render(scene.scene, scene.bank.textures, place, width, height, FAR)
    return develop(seen.color, scene.how), seen.depth


def scale_of(gaussians, depth: np.ndarray) -> float:
    """Log of the median of predicted over true depth, of what is nearer than the sky."""
    from sharp_cli.gaussians.fitting import grid_side

    front = len(gaussians) // 2 if grid_side(gaussians) is not None else len(gaussians)
    means = gaussians.means[:front].double().numpy()
    height, width = depth.shape
    focal = width / 2 / TANGENT
    u = np.clip(means[:, 0] / means[:, 2] * focal + width / 2, 0, width - 1).astype(int)
    v = np.clip(means[:, 1] / means[:, 2] * focal + height / 2, 0, height - 1).astype(int)
    true = depth[v, u]
    return float(np.median(np.log(means[:, 2] / true)[true < 0.5 * FAR]))


def cells_of(depth: np.ndarray) -> np.ndarray:
    """(ROWS, COLUMNS) depth at the centers of cells."""
    height, width = depth.shape
    rows = ((np.arange(ROWS) + 0.5) / ROWS * height).astype(int)
    columns = ((np.arange(COLUMNS) + 0.5) / COLUMNS * width).astype(int)
    return depth[np.ix_(rows, columns)].astype(float)


def change_of_surfaces(motion: Motion, i: int, j: int, true: list[np.ndarray], wrong: list[np.ndarray]) -> float | None:
    """The median change of log (predicted / true) of what frames i and j both show."""
    focal = COLUMNS / 2 / TANGENT
    x, y = np.meshgrid(np.arange(COLUMNS) + 0.5 - COLUMNS / 2, np.arange(ROWS) + 0.5 - ROWS / 2)
    points = np.stack([x / focal, y / focal, np.ones_like(x)], axis=-1) * true[i][..., None]
    (turn_i, eye_i), (turn_j, eye_j) = motion.at(i), motion.at(j)
    points = (points @ turn_i.T + eye_i - eye_j) @ turn_j
    z = np.where(points[..., 2] > 0, points[..., 2], np.nan)
    u, v = points[..., 0] / z * focal + COLUMNS / 2, points[..., 1] / z * focal + ROWS / 2
    inside = (u >= 0) & (u < COLUMNS) & (v >= 0) & (v < ROWS) & (true[i] < 0.5 * FAR)
    u, v, z = u[inside].astype(int), v[inside].astype(int), z[inside]
    same = np.abs(np.log(true[j][v, u] / z)) < 0.05
    change = (wrong[j][v, u] - wrong[i][inside])[same]
    change = change[np.isfinite(change)]
    return float(np.median(change)) if len(change) >= SEEN_BY_BOTH else None


def scales_of_surfaces(motion: Motion, true: list[np.ndarray], wrong: list[np.ndarray]) -> np.ndarray:
    """(N,) log scales of the frames, their mean 0, that explain the changes between all pairs."""
    count, rows, changes = len(true), [], []
    for lag in PAIRS:
        for i in range(count - lag):
            change = change_of_surfaces(motion, i, i + lag, true, wrong)
            if change is not None:
                row = np.zeros(count)
                row[i], row[i + lag] = -1, 1
                rows.append(row)
                changes.append(change)
    terms, wanted = np.array(rows), np.array(changes)
    weights = np.ones(len(wanted))
    for _ in range(10):
        scales = np.linalg.lstsq(terms * weights[:, None], wanted * weights, rcond=None)[0]
        weights = 1 / np.sqrt(np.maximum(np.abs(terms @ scales - wanted), 0.005))
    return scales - scales.mean()


def measure(name: str, motion: Motion, frames: int, size: tuple[int, int], predictor) -> list[str]:
    """The cells of a row of the table."""
    from dataclasses import replace

    from sharp_cli.multiview.steady import correction_after, glance_of
    from sharp_cli.photo import Photo

    layout, seed = name.split(":")
    scene = SceneAround(layout, int(seed))
    medians, true, wrong, past = [], [], [], []
    for index in range(frames):
        pixels, depth = shoot(scene, motion.at(index), *size)
        gaussians = predictor.predict(Photo(pixels, size[0] / 2 / TANGENT, "known"))
        glance = glance_of(pixels, gaussians)
        past.append(replace(glance, correction=correction_after(past, glance)))
        medians.append(scale_of(gaussians, depth))
        true.append(cells_of(depth))
        wrong.append(disparity_error(gaussians, true[-1]))
    corrections = np.array([glance.correction for glance in past])
    cells = []
    for scales in (np.array(medians), scales_of_surfaces(motion, true, wrong)):
        raw, steady = np.std(scales), np.std(scales + corrections)
        change = np.std(np.diff(scales + corrections)) / np.std(np.diff(scales))
        cells += [f"{raw:.4f}", f"{steady:.4f}", f"{steady / raw:.2f}", f"{change:.2f}"]
    return cells


def disparity_error(gaussians, true: np.ndarray) -> np.ndarray:
    """(ROWS, COLUMNS) log of predicted over true depth; NaN for the sky."""
    from sharp_cli.multiview.steady import log_disparity

    predicted = log_disparity(gaussians, ROWS, COLUMNS).astype(float)
    return np.where(true < 0.5 * FAR, -predicted - np.log(true), np.nan)


def write_clip(name: str, frames: int, size: tuple[int, int], target: Path) -> None:
    from sharp_cli.render.encode import open_encoder

    layout, seed = name.split(":")
    scene, motion = SceneAround(layout, int(seed)), Motion(False, 1)
    with open_encoder(target, "mp4", fps=30, facts={}) as encoder:
        for index in range(frames):
            encoder.add(shoot(scene, motion.at(index), *size)[0])


def time_conversion(name: str, seconds: float, size: tuple[int, int], weights: str) -> None:
    """Print how long the command line takes for a clip, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(name, round(30 * seconds), size, clip)
        command = [sys.executable, "-m", "sharp_cli", "convert", str(clip), "--weights", weights, "--quiet"]
        begun = time.perf_counter()
        subprocess.run(command, check=True)
        spent = time.perf_counter() - begun
        frames = len(list(clip.with_name("clip_frames").glob("frame_*.ply")))
        print(f"{frames} frames of {size[0]} × {size[1]}: {spent:.1f} s, {spent / frames:.2f} s a frame")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=SCENES, metavar="LAYOUT:SEED")
    parser.add_argument("--weights", default="preview")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("W", "H"), help="default: 512 288, or 1280 720 for --time"
    )
    parser.add_argument("--ahead", action="store_true", help="move ahead, not to the side")
    parser.add_argument("--stride", type=int, default=1, help="take every N-th frame of the same motion")
    parser.add_argument("--time", action="store_true", help="time the conversion of the first scene, and do no more")
    parser.add_argument("--seconds", type=float, default=5.0, help="of the clip for --time")
    parser.add_argument("--write", type=Path, metavar="CLIP", help="write the first scene as a video, and do no more")
    arguments = parser.parse_args()
    width, height = arguments.size or ((1280, 720) if arguments.time else (512, 288))
    if arguments.write:
        write_clip(arguments.scenes[0], arguments.frames, (width, height), arguments.write)
        return
    if arguments.time:
        time_conversion(arguments.scenes[0], arguments.seconds, (width, height), arguments.weights)
        return
    import sharp_cli

    predictor = sharp_cli.load_predictor(arguments.weights)
    motion = Motion(arguments.ahead, arguments.stride)
    print("| scene | median: std, raw | steadied | ratio | change | surfaces: std, raw | steadied | ratio | change |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with torch.inference_mode():
        for name in arguments.scenes:
            cells = measure(name, motion, arguments.frames, (width, height), predictor)
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
