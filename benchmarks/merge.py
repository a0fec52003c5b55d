"""Triples of photos of synthetic scenes with known poses: novel views of the merged splat and of each single one.

    python benchmarks/merge.py                       # twelve scenes, the bundled preview weights
    python benchmarks/merge.py --scenes room:5 --save pictures/

Three photos look at the same things, side by side. The novel view lies between the first two, a little higher. "best
single" is the best of the three photos' own splats as the network made them; "best fitted" the best of them after
their disparity was fitted.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
from panorama import SceneAround, psnr
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

LAYOUTS = ("room", "street", "park", "still_life", "tabletop", "stage")
SCENES = tuple(f"{layout}:{seed}" for seed in (61, 62) for layout in LAYOUTS)
"""None of them was looked at while the merging was made; 21 to 28, 51, 52, 410 and 420 were."""
SIDE = 512
TANGENT = 0.6
STEP = 0.06
"""Between neighboring cameras, as a share of the distance of what the photo is of."""


def poses(subject: float) -> tuple[list[tuple[np.ndarray, np.ndarray]], tuple[np.ndarray, np.ndarray]]:
    """Rotations and offsets of three cameras that look at one point, and of the novel view."""
    step = STEP * subject

    def at(x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
        angle = -0.7 * math.atan2(x, subject)
        c, s = math.cos(angle), math.sin(angle)
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]), np.array([x, y, 0.0])

    return [at(-step, 0), at(step, 0), at(3 * step, 0)], at(0.1 * step, -0.3 * step)


def viewmat_of(rotation: np.ndarray, offset: np.ndarray) -> np.ndarray:
    viewmat = np.eye(4)
    viewmat[:3, :3], viewmat[:3, 3] = rotation.T, -rotation.T @ offset
    return viewmat


def render(gaussians, viewmat: np.ndarray) -> np.ndarray:
    from sharp_cli.cameras.views import Views
    from sharp_cli.render.pictures import to_srgb8
    from sharp_cli.render.views import render_views

    focal = SIDE / 2 / TANGENT
    K = torch.tensor([[focal, 0, SIDE / 2], [0, focal, SIDE / 2], [0, 0, 1.0]])
    (seen,) = render_views(gaussians, Views(torch.from_numpy(viewmat).float()[None], K[None], SIDE, SIDE))
    return to_srgb8(seen.color[0])


def measure(name: str, predict, save: Path | None) -> tuple[float, float, float]:
    from sharp_cli.multiview.agreement import without_disagreeing
    from sharp_cli.multiview.consensus import measure_photos
    from sharp_cli.multiview.joining import join
    from sharp_cli.multiview.merge import place
    from sharp_cli.multiview.posed import PosedPhoto
    from sharp_cli.photo import Photo

    layout, seed = name.split(":")
    scene = SceneAround(layout, int(seed))
    depth = scene.shoot(np.eye(3), np.zeros(3), TANGENT, 64)[1]
    subject = float(np.percentile(depth[20:44, 20:44], 30))
    cameras, novel = poses(subject)
    focal = SIDE / 2 / TANGENT
    photos = [
        PosedPhoto(f"{index}", Photo(scene.picture(*camera, TANGENT, SIDE), focal, "known"), viewmat_of(*camera))
        for index, camera in enumerate(cameras)
    ]
    true = scene.picture(*novel, TANGENT, SIDE)
    splats = [predict(photo.photo) for photo in photos]
    world = viewmat_of(*novel)

    def score(gaussians, posed):
        return psnr(render(gaussians, world @ np.linalg.inv(posed.viewmat)), true)

    singles = [score(splat, photo) for splat, photo in zip(splats, photos, strict=True)]
    placed = [place(*each) for each in zip(photos, splats, measure_photos(photos), strict=True)]
    print(name, f"{subject:.1f} m", *(p and tuple(round(v, 3) for v in p.fit) for p in placed), file=sys.stderr)
    usable = [each for each in placed if each is not None]
    if len(usable) < 2:
        return max(singles), math.nan, math.nan
    fitted = [score(each.gaussians, each.posed) for each in usable]
    kept = without_disagreeing(usable, lambda text: print(name, text, file=sys.stderr))
    merged = join(kept)
    picture = render(merged, world @ np.linalg.inv(kept[0].posed.viewmat))
    if save:
        best = int(np.argmax(singles))
        single = render(splats[best], world @ np.linalg.inv(photos[best].viewmat))
        Image.fromarray(np.concatenate([true, single, picture], axis=1)).save(save / f"{layout}{seed}.png")
        for index, photo in enumerate(photos):
            Image.fromarray(photo.photo.pixels).save(save / f"{layout}{seed}-{index}.png")
    return max(singles), max(fitted), psnr(picture, true)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=SCENES, metavar="LAYOUT:SEED")
    parser.add_argument("--weights", default="preview")
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    if arguments.save:
        arguments.save.mkdir(parents=True, exist_ok=True)
    import sharp_cli

    predictor = sharp_cli.load_predictor(arguments.weights)
    print("| scene | best single | best fitted | merged | gain |")
    print("| --- | --- | --- | --- | --- |")
    gains = []
    with torch.inference_mode():
        for name in arguments.scenes:
            single, fitted, merged = measure(name, predictor.predict, arguments.save)
            gains.append(merged - single)
            print(f"| {name} | {single:.2f} | {fitted:.2f} | {merged:.2f} | {merged - single:+.2f} |", flush=True)
    better = np.mean(np.array(gains) >= 1)
    print(f"| at least +1 dB: {better:.0%} | | | | {np.nanmean(gains):+.2f} |")


if __name__ == "__main__":
    main()
