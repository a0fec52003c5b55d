"""Synthetic clips of a moving camera: how much the scale of the frames varies, as predicted and steadied.

    python benchmarks/video.py                       # three scenes of 60 frames, the bundled preview weights
    python benchmarks/video.py --write clip.mp4 --scenes room:31 --frames 150 --size 1280 720   # a clip to convert

A frame's scale is the median of predicted over true depth in its first layer. "std" is the standard deviation of its
logarithm over the frames; "change" that of its change from frame to frame, which is what flickers.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
from panorama import FAR, SceneAround

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

SCENES = ("room:31", "street:32", "park:33")
STEP = 0.01
"""Meters a frame, sideways."""
TURN = math.radians(0.15)
"""A frame, to the side."""
TANGENT = 0.6


def shoot(scene: SceneAround, index: int, width: int, height: int):
    """sRGB and depth of one frame."""
    from sharp_cli.scenes.imaging import develop
    from sharp_cli.scenes.rendering import Pose

    c, s = math.cos(TURN * index), math.sin(TURN * index)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    focal = width / 2 / TANGENT
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    eye = scene.eye + scene.axes @ np.array([STEP * index, 0, 0])
    pose = Pose(eye, scene.axes @ rotation, K)
    seen = scene.render(scene.scene, scene.bank.textures, pose, width, height, FAR)
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


def measure(name: str, frames: int, size: tuple[int, int], predictor) -> tuple[float, ...]:
    from sharp_cli.multiview.steady import Steadier
    from sharp_cli.photo import Photo

    layout, seed = name.split(":")
    scene, steadier = SceneAround(layout, int(seed)), Steadier()
    raw, steady = [], []
    for index in range(frames):
        pixels, depth = shoot(scene, index, *size)
        gaussians = predictor.predict(Photo(pixels, size[0] / 2 / TANGENT, "known"))
        raw.append(scale_of(gaussians, depth))
        steady.append(raw[-1] + steadier.follow(gaussians))
    return np.std(raw), np.std(steady), np.std(np.diff(raw)), np.std(np.diff(steady))


def write_clip(name: str, frames: int, size: tuple[int, int], path: Path) -> None:
    from sharp_cli.render.encode import open_encoder

    layout, seed = name.split(":")
    scene = SceneAround(layout, int(seed))
    with open_encoder(path, "mp4", fps=30, facts={}) as encoder:
        for index in range(frames):
            encoder.add(shoot(scene, index, *size)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=SCENES, metavar="LAYOUT:SEED")
    parser.add_argument("--weights", default="preview")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, nargs=2, default=(512, 288), metavar=("W", "H"))
    parser.add_argument("--write", type=Path, metavar="CLIP", help="write the first scene as a video, and do no more")
    arguments = parser.parse_args()
    if arguments.write:
        write_clip(arguments.scenes[0], arguments.frames, tuple(arguments.size), arguments.write)
        return
    import sharp_cli

    predictor = sharp_cli.load_predictor(arguments.weights)
    print("| scene | std, raw | steadied | ratio | change, raw | steadied | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with torch.inference_mode():
        for name in arguments.scenes:
            a, b, c, d = measure(name, arguments.frames, tuple(arguments.size), predictor)
            print(f"| {name} | {a:.4f} | {b:.4f} | {b / a:.2f} | {c:.4f} | {d:.4f} | {d / c:.2f} |", flush=True)


if __name__ == "__main__":
    main()
