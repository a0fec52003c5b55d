"""Scenes whose every pixel is known: a painted plane, and Gaussians that are their own truth."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sharp_cli.cameras.transforms import write_transforms
from sharp_cli.cameras.views import Views
from sharp_cli.datasets.samples import photo_of
from sharp_cli.datasets.view_pair import View, ViewPair
from sharp_cli.evaluation.showing import place, show
from sharp_cli.gaussians.gaussians import Gaussians

WIDTH, HEIGHT = 64, 48


def camera(focal: float = 50.0, cx: float = WIDTH / 2, cy: float = HEIGHT / 2, fy: float | None = None) -> np.ndarray:
    return np.array([[focal, 0.0, cx], [0.0, fy or focal, cy], [0.0, 0.0, 1.0]])


def pose(x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    """(4, 4) world to a camera that stands at a place and is turned to the right [rad]."""
    c, s = math.cos(yaw), math.sin(yaw)
    viewmat = np.eye(4)
    viewmat[:3, :3] = [[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]]
    viewmat[:3, 3] = -viewmat[:3, :3] @ [x, y, z]
    return viewmat


def paint(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth picture on a plane, at places [m]; (..., 3) uint8."""
    waves = [np.sin(3.0 * x + y), np.sin(2.0 * y - 1.5 * x), np.cos(2.5 * x)]
    return np.rint(127.5 + 110.0 * np.stack(waves, axis=-1)).astype(np.uint8)


def plane_view(viewmat: np.ndarray, K: np.ndarray, distance: float, size: tuple[int, int] = (HEIGHT, WIDTH)) -> View:
    """The painted plane z = distance, ray by ray."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    pose = np.linalg.inv(viewmat)
    rays = np.tensordot(pose[:3, :3] @ np.linalg.inv(K), np.stack([x, y, np.ones_like(x)]), 1)
    reach = (distance - pose[2, 3]) / rays[2]  # also the camera's z, since the rays have z = 1 there
    points = pose[:3, 3, None, None] + reach * rays
    return View(paint(points[0], points[1]), reach.astype(np.float32), K, viewmat)


def plane_pair(viewmat: np.ndarray, K: np.ndarray, distance: float = 2.0) -> ViewPair:
    seen = plane_view(np.eye(4), K, distance)
    return ViewPair(seen, plane_view(viewmat, K, distance), seen.image)


def some_gaussians(seed: int = 0) -> Gaussians:
    """A closed wall of a hundred soft splats between 2 and 3 m, wider than any of the cameras sees."""
    random = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(-4, 4, 17), torch.linspace(-5, 5, 21), indexing="ij")
    count = x.numel()
    z = 2 + torch.rand(count, generator=random)
    return Gaussians(
        means=torch.stack([x.flatten(), y.flatten(), z], dim=1),
        scales=0.25 + 0.15 * torch.rand(count, 3, generator=random),
        quats=torch.randn(count, 4, generator=random),
        opacities=torch.full((count,), 0.98),
        colors=torch.rand(count, 3, generator=random),
    )


def own_truth(gaussians: Gaussians, K: np.ndarray, viewmat: np.ndarray) -> ViewPair:
    """A pair whose pictures and depth are renders of these Gaussians."""
    blank = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    nowhere = np.zeros((HEIGHT, WIDTH), np.float32)
    pair = ViewPair(View(blank, nowhere, K, np.eye(4)), View(blank, nowhere, K, viewmat), blank)
    placed = place(gaussians, pair)
    views = []
    for view in (pair.input, pair.novel):
        shown = show(placed, view, "cpu")
        views.append(replace(view, image=shown.image, depth=shown.depth.numpy()))
    made = ViewPair(views[0], views[1], views[0].image)
    assert photo_of(made).focal_px == K[0, 0]
    return made


def write_scene(folder: Path, places: list[float], depth: bool = True) -> Path:
    """Cameras side by side before a painted wall."""
    K = camera()
    folder.mkdir(parents=True, exist_ok=True)
    views = [plane_view(pose(x=x), K, 2.0) for x in places]
    for i, view in enumerate(views):
        Image.fromarray(view.image).save(folder / f"{i}.png")
        np.save(folder / f"{i}.npy", view.depth)
    viewmats = torch.from_numpy(np.stack([view.viewmat for view in views])).float()
    Ks = torch.from_numpy(K).float().expand(len(views), 3, 3)
    file = folder / "transforms.json"
    write_transforms(file, [Views(viewmats, Ks, WIDTH, HEIGHT)], [f"{i}.png" for i in range(len(views))])
    if depth:
        text = file.read_text()
        for i in range(len(views)):
            text = text.replace(f'"{i}.png",', f'"{i}.png", "depth_file_path": "{i}.npy",')
        file.write_text(text)
    return file
