"""Pairs out of posed pictures with depth: any ``transforms.json``, by the paper's rule (docs/training.md).

Sets of 10 views, of these the pairs with more than 60 % depth overlap, at most 512 of a data set. The paper says
neither how sets are put together nor what the overlap is a part of; our choices stand at the functions.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharp_cli.cameras.frames import Frame, require_pinholes
from sharp_cli.cameras.transforms import read_transforms
from sharp_cli.datasets.posed import load_view, read_depth
from sharp_cli.datasets.samples import Sample
from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.errors import SharpError

FILE = "transforms.json"
SET_SIZE = 10
LEAST_OVERLAP = 0.6
MOST_PAIRS = 512
AGREEMENT = 0.05
"""How far two views' depths of one point may differ, relatively, for it to be the same point."""
SIDE = 160
"""Overlap is judged by so many points along the longer side of a view at most."""


class DepthView(NamedTuple):
    """Where a camera stands and how far it sees."""

    depth: NDArray[np.float32]
    """(H, W) [m]; 0 where it is not known."""
    K: NDArray[np.float64]
    """(3, 3) [px of the depth map]."""
    viewmat: NDArray[np.float64]
    """(4, 4) world to camera."""


def pair_samples(path: Path, seed: int = 0) -> list[Sample]:
    """Choose pairs of a ``transforms.json``, or of all those below a folder; the same seed chooses the same.

    Pairs are ordered: (a, b) and (b, a) are two, each with an overlap of its own.

    Raises:
        SharpError: no such file, one that cannot be used, or nothing overlaps.
    """
    files = sorted(path.rglob(FILE)) if path.is_dir() else [path]
    if not files:
        raise SharpError(f"no {FILE} in {path}")
    rng = np.random.default_rng(seed)
    samples = [sample for file in files for sample in _pairs_of(file, _scene(file, path), rng)]
    if not samples:
        raise SharpError(f"cannot use {path}: no two views share {LEAST_OVERLAP:.0%} of a surface")
    if len(samples) > MOST_PAIRS:
        chosen = np.sort(rng.choice(len(samples), MOST_PAIRS, replace=False))
        samples = [samples[i] for i in chosen]
    return samples


def overlap(of: DepthView, seen_from: DepthView) -> float:
    """The part of a view's known pixels that another view sees too, 0..1.

    A point counts if the other view has it in its picture and knows there a depth that agrees with it. For a pair it
    is asked of the novel view, as seen from the input: what is to be predicted must be known.
    """
    height, width = of.depth.shape
    step = max(1, -(-max(height, width) // SIDE))
    y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step]
    depth = of.depth[y, x].astype(np.float64)
    known = (depth > 0) & np.isfinite(depth)
    if not known.any():
        return 0.0
    x, y, depth = x[known], y[known], depth[known]
    points = np.linalg.inv(of.K) @ np.stack([x + 0.5, y + 0.5, np.ones(x.shape)]) * depth
    between = seen_from.viewmat @ np.linalg.inv(of.viewmat)
    points = between[:3, :3] @ points + between[:3, 3:]
    z = points[2]
    front = z > 0
    u, v = (seen_from.K @ np.where(front, points, 1.0))[:2] / np.where(front, z, 1.0)
    rows, columns = seen_from.depth.shape
    inside = front & (u >= 0) & (u < columns) & (v >= 0) & (v < rows)
    there = seen_from.depth[v[inside].astype(int), u[inside].astype(int)]
    return float(np.count_nonzero(np.abs(there - z[inside]) <= AGREEMENT * z[inside]) / len(depth))


def _pairs_of(file: Path, scene: str, rng: np.random.Generator) -> list[Sample]:
    """A scene's pairs: its frames are shuffled and cut into sets, so that a set reaches over the whole scene."""
    frames = [frame for frame in read_transforms(file) if frame.picture is not None and frame.depth is not None]
    require_pinholes(file, frames)
    if len(frames) < 2:
        raise SharpError(f"cannot use {file}: it needs at least two frames with file_path and depth_file_path")
    order = rng.permutation(len(frames))
    samples = []
    for start in range(0, len(order), SET_SIZE):
        chosen = order[start : start + SET_SIZE]
        views = [_depth_view(frames[i]) for i in chosen]
        for a, view in zip(chosen, views, strict=True):
            for b, other in zip(chosen, views, strict=True):
                if a != b and overlap(other, view) > LEAST_OVERLAP:
                    samples.append(Sample(f"{scene}{a}-{b}", partial(_load, frames[a], frames[b])))
    return samples


def _scene(file: Path, path: Path) -> str:
    """What names a scene within its data set: its folder, where there are several."""
    folder = file.parent.relative_to(path).as_posix() if path.is_dir() else "."
    return "" if folder == "." else f"{folder}/"


def _depth_view(frame: Frame) -> DepthView:
    assert frame.depth is not None
    depth = read_depth(frame.depth)
    K = frame.K.double().numpy().copy()
    K[0] *= depth.shape[1] / frame.width
    K[1] *= depth.shape[0] / frame.height
    return DepthView(depth, K, frame.viewmat.double().numpy())


def _load(first: Frame, second: Frame) -> ViewPair:
    """Both views at their own sizes; each frame's name is its number in the file."""
    relative = second.viewmat.double().numpy() @ np.linalg.inv(first.viewmat.double().numpy())
    seen = load_view(first, (first.height, first.width), np.eye(4))
    return ViewPair(seen, load_view(second, (second.height, second.width), relative), seen.image)
