"""Panoramas of synthetic scenes with true range: how far faces jump at their seams, and what novel views gain.

    python benchmarks/panorama.py                                  # eight scenes, the bundled preview weights
    python benchmarks/panorama.py --scenes room:5 park:2 --save pictures/
    python benchmarks/panorama.py --stand-in                       # true depth with a scale and offset per face

For each scene: the median over all places along all seams of |log (range left / range right), predicted over true|, in
percent, and the mean PSNR of eight views 20 cm off the center, for faces as predicted and aligned.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

SCENES = ("room:11", "street:12", "park:13", "room:14", "stage:31", "room:32", "street:33", "park:34")
OFFSET = 0.2
VIEW = 384
FAR = 1000.0


class SceneAround:
    """A synthetic scene seen from one place."""

    def __init__(self, layout: str, seed: int) -> None:
        from sharp_cli.scenes.bank import load_bank
        from sharp_cli.scenes.imaging import choose_development
        from sharp_cli.scenes.pair import draw_layout
        from sharp_cli.scenes.rendering import render_scene

        self.render, self.bank = render_scene, load_bank()
        rng = np.random.default_rng(seed)
        self.scene, framing = draw_layout(rng, self.bank, layout)
        self.eye = np.array(framing.eye)
        c, s = math.cos(framing.yaw), math.sin(framing.yaw)
        # OpenCV's axes (right, down, forward) of a level camera, in the scene's left-handed frame
        self.axes = np.array([[c, 0, s], [0, -1, 0], [-s, 0, c]])
        self.how = choose_development(rng, self.shoot(np.eye(3), np.zeros(3), 1.0, 256)[0])

    def shoot(self, rotation: np.ndarray, offset: np.ndarray, tangent: float, side: int):
        """Linear color and depth of a square pinhole picture; rotation and offset in the panorama's axes."""
        from sharp_cli.scenes.rendering import Pose

        focal = side / 2 / tangent
        K = np.array([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1]])
        pose = Pose(self.eye + self.axes @ offset, self.axes @ rotation, K)
        seen = self.render(self.scene, self.bank.textures, pose, side, side, FAR)
        return seen.color, seen.depth

    def picture(self, *arguments) -> np.ndarray:
        from sharp_cli.scenes.imaging import develop

        return develop(self.shoot(*arguments)[0], self.how)

    def panorama(self, width: int):
        """(H, W, 3) sRGB and (H, W) range of all directions."""
        from panoramas import equirect_directions

        from sharp_cli.scenes.imaging import develop

        directions = equirect_directions(width, width // 2)
        pixels = np.zeros((*directions.shape[:2], 3), np.uint8)
        ranges = np.zeros(directions.shape[:2])
        side = width // 3
        tangent = 1.02
        for rotation in cube():
            color, depth = self.shoot(rotation, np.zeros(3), tangent, side)
            face = develop(color, self.how)
            local = directions @ rotation
            inside = local[..., 2] >= np.abs(local[..., :2]).max(axis=-1)
            places = local[inside][:, :2] / local[inside][:, 2:] / tangent
            grid = torch.from_numpy(places.astype(np.float32))[None, None]
            image = torch.from_numpy(np.moveaxis(face, -1, 0)[None]).float()
            sampled = torch.nn.functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
            pixels[inside] = sampled[0, :, 0].T.round().byte().numpy()
            at = np.clip(((places + 1) / 2 * side).astype(int), 0, side - 1)
            ranges[inside] = depth[at[:, 1], at[:, 0]] / local[inside][:, 2]
        return pixels, ranges


def cube() -> list[np.ndarray]:
    """Rotations of the six faces, columns right, down, forward."""
    ring = [np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
            for a in (0, math.pi / 2, math.pi, -math.pi / 2)]  # fmt: skip
    return [*ring, *(np.array([[1.0, 0, 0], [0, 0, -pole], [0, pole, 0]]) for pole in (1, -1))]


def seam_jumps(ring, alignment, surfaces, true_log_range) -> np.ndarray:
    """|log ratio| between both sides of the seams, less the true one, at places along them."""
    from sharp_cli.multiview.align import BIN, wrapped
    from sharp_cli.multiview.equirect import to_angles
    from sharp_cli.multiview.faces import CUT
    from sharp_cli.multiview.seams import bin_medians

    wide, jumps = math.radians(1.5), []
    errors = []
    for index, seen in enumerate(surfaces):
        correction = alignment.correction(index, seen.directions) if alignment else 0.0
        errors.append(seen.log_range + correction - true_log_range(seen.directions))
    angles = [to_angles(seen.directions) for seen in surfaces]

    def profile(index, along, inside, count):
        return bin_medians(np.where(inside & (along >= 0) & (along < count), along, -1), errors[index], count)

    for seam in ring.seams:
        sides, count = [], round((ring.high - ring.low) / BIN)
        for index, sign in ((seam.first, -1), (seam.second, 1)):
            yaw, pitch = angles[index]
            away = sign * wrapped(yaw - seam.yaw)
            along = np.floor((pitch - ring.low) / BIN).astype(int)
            sides.append(profile(index, along, (away >= 0) & (away < wide), count))
        jumps.append(sides[0] - sides[1])
    for pole in range(ring.count, len(ring.faces)):
        sign, count = ring.faces[pole].pole, round(math.tau / BIN)
        for index in range(ring.count):
            sides = []
            for face, outward in ((pole, 1), (index, -1)):
                yaw, pitch = angles[face]
                away = outward * (sign * pitch - CUT)
                own = ring.cells(yaw, np.zeros_like(yaw)) == index
                sides.append(
                    profile(face, np.floor((yaw + math.pi) / BIN).astype(int), own & (away >= 0) & (away < wide), count)
                )
            jumps.append(sides[0] - sides[1])
    found = np.concatenate(jumps)
    return np.abs(found[np.isfinite(found)])


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return -10 * math.log10(max(float(((a.astype(float) - b) ** 2).mean()) / 255**2, 1e-10))


def novel_views(scene: SceneAround, gaussians, save: Path | None, name: str) -> float:
    """Mean PSNR of eight level views off the center, each to the side of where it looks."""
    from sharp_cli.cameras.views import Views
    from sharp_cli.render.pictures import to_srgb8
    from sharp_cli.render.views import render_views

    found = []
    for k in range(8):
        a = math.tau * k / 8
        rotation = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
        eye = OFFSET * (1 if k % 2 else -1) * rotation[:, 0]
        true = scene.picture(rotation, eye, 1.0, VIEW)
        viewmat = torch.eye(4)
        viewmat[:3, :3] = torch.from_numpy(rotation.T)
        viewmat[:3, 3] = torch.from_numpy(-rotation.T @ eye)
        K = torch.tensor([[VIEW / 2, 0, VIEW / 2], [0, VIEW / 2, VIEW / 2], [0, 0, 1.0]])
        (seen,) = render_views(gaussians, Views(viewmat[None], K[None], VIEW, VIEW))
        picture = to_srgb8(seen.color[0])
        found.append(psnr(picture, true))
        if save:
            Image.fromarray(np.concatenate([true, picture], axis=1)).save(save / f"{name}-{k}.png")
    return float(np.mean(found))


def at_true_scale(gaussians, true_range):
    """The splat, all of it scaled so that the median of its ranges over the true ones is 1."""
    from sharp_cli.gaussians.fitting import scaled

    length = gaussians.means.norm(dim=1)
    directions = (gaussians.means / length[:, None]).double().numpy()
    ratio = float(np.median(true_range(directions) / length.double().numpy()))
    return scaled(gaussians, ratio)


def with_faults(splats, ring, true_range, spread: float, seed: int):
    """The faces' splats at true ranges, each face then scaled as a whole by a random factor of its own."""
    from sharp_cli.gaussians.fitting import scaled

    draws = np.random.default_rng(seed).normal(size=len(splats))
    draws -= np.median(draws[: ring.count])  # the size of the whole is right
    found = []
    for splat, face, draw in zip(splats, ring.faces, draws, strict=True):
        gaussians = splat.gaussians
        length = gaussians.means.norm(dim=1).double().numpy()
        true = true_range(gaussians.means.double().numpy() / length[:, None] @ face.rotation.T)
        front = (true / length)[: len(length) // 2]  # the back layer keeps its place behind the front
        factor = torch.from_numpy(np.tile(front, 2) * math.exp(spread * draw)).to(gaussians.means)
        found.append(replace(splat, gaussians=scaled(gaussians, factor)))
    return found


def measure(name: str, arguments: argparse.Namespace, predictor) -> tuple[float, ...]:
    from panoramas import TrueDepth

    from sharp_cli.multiview.align import align
    from sharp_cli.multiview.equirect import Panorama, to_angles
    from sharp_cli.multiview.faces import choose_faces
    from sharp_cli.multiview.panorama import at_camera_height, join_faces, predict_faces
    from sharp_cli.multiview.seams import surface

    layout, seed = name.split(":")
    scene = SceneAround(layout, int(seed))
    pixels, ranges = scene.panorama(arguments.width)
    panorama = Panorama(pixels, -math.pi, math.tau, math.pi / 2, -math.pi / 2)
    ring = choose_faces(panorama, arguments.faces)

    def true_range(directions: np.ndarray) -> np.ndarray:
        yaw, pitch = to_angles(directions)
        rows = np.clip(((0.5 - pitch / math.pi) * ranges.shape[0]).astype(int), 0, ranges.shape[0] - 1)
        columns = np.clip(((yaw / math.tau + 0.5) * ranges.shape[1]).astype(int), 0, ranges.shape[1] - 1)
        return ranges[rows, columns]

    if predictor is None:
        rng = np.random.default_rng(int(seed))
        faults = [(math.exp(rng.normal(0, 0.2)), abs(rng.normal(0, 0.01))) for _ in ring.faces]
        predict, side = TrueDepth([face.rotation for face in ring.faces], true_range, faults), 256
    else:
        predict, side = predictor.predict, predictor.network.config.resolution
    with torch.inference_mode():
        splats = list(predict_faces(panorama, ring, predict, side))
        if arguments.face_errors is not None:
            splats = with_faults(splats, ring, true_range, arguments.face_errors, int(seed))
        surfaces = [surface(s.gaussians, face.rotation) for s, face in zip(splats, ring.faces, strict=True)]
        alignment = align(ring, surfaces, [1.0] * len(ring.faces))
        jumps = [seam_jumps(ring, a, surfaces, lambda d: np.log(true_range(d))) for a in (None, alignment)]
        scores = []
        for aligned in (False, True):
            gaussians = join_faces(panorama, ring, splats, aligned=aligned)
            if arguments.camera_height:
                gaussians = at_camera_height(gaussians, float(true_range(np.array([[0.0, 1.0, 0.0]]))[0]))
            if arguments.true_scale:
                gaussians = at_true_scale(gaussians, true_range)
            tag = "aligned" if aligned else "raw"
            scores.append(novel_views(scene, gaussians, arguments.save, f"{layout}{seed}-{tag}"))
            if arguments.save:
                gaussians.save(arguments.save / f"{layout}{seed}-{tag}.ply")
    if arguments.save:
        Image.fromarray(pixels).save(arguments.save / f"{layout}{seed}.png")
    spread = float(np.std(alignment.log_scales))
    return *(100 * float(np.median(jump)) for jump in jumps), *scores, spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=SCENES, metavar="LAYOUT:SEED")
    parser.add_argument("--weights", default="preview")
    parser.add_argument("--stand-in", action="store_true", help="true depth with faults instead of a network")
    parser.add_argument(
        "--face-errors",
        type=float,
        metavar="SPREAD",
        help="true ranges inside faces, and faces whose log scales have this standard deviation",
    )
    parser.add_argument("--true-scale", action="store_true", help="bring each result to the true scale as a whole")
    parser.add_argument("--camera-height", action="store_true", help="give each result the true height of the camera")
    parser.add_argument("--faces", type=int, default=6)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    if arguments.save:
        arguments.save.mkdir(parents=True, exist_ok=True)
    import sharp_cli

    predictor = None if arguments.stand_in else sharp_cli.load_predictor(arguments.weights)
    print("| scene | seam jump, raw | aligned | PSNR, raw | aligned | gain | std of log scales |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rows = []
    for name in arguments.scenes:
        raw, aligned, before, after, spread = measure(name, arguments, predictor)
        rows.append((raw, aligned, before, after))
        jumps = f"{raw:.1f} % | {aligned:.1f} %"
        print(f"| {name} | {jumps} | {before:.2f} | {after:.2f} | {after - before:+.2f} | {spread:.3f} |", flush=True)
    raw, aligned, before, after = np.mean(rows, axis=0)
    print(f"| mean | {raw:.1f} % | {aligned:.1f} % | {before:.2f} | {after:.2f} | {after - before:+.2f} | |")


if __name__ == "__main__":
    main()
