"""A camera's picture of a scene: colour, exact depth, and which shape each pixel sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharp_cli.render.cpu.parallel import for_chunks
from sharp_cli.training.scenes.compiling import inlined, kernel
from sharp_cli.training.scenes.layout import Doubles, Floats, Integers, Scene, Textures
from sharp_cli.training.scenes.shading import trace

ROWS = 16
"""Rows a thread takes at a time."""
BRIGHTEST = 4.0
"""Linear light is cut here before samples are averaged, so that a glint does not wash over its pixel."""


@dataclass(frozen=True)
class Pose:
    """A pinhole camera in the scene's frame (x right, y up, z forward)."""

    eye: Doubles
    """(3,) [m]."""
    axes: Doubles
    """(3, 3), columns: the picture's right, down and forward in the scene, orthonormal."""
    K: Doubles
    """(3, 3) intrinsics in pixels; pixel centres are at half integers, as everywhere in this package."""


@dataclass(frozen=True)
class Rendered:
    """What a camera sees, (H, W, …)."""

    color: NDArray[np.float32]
    """(H, W, 3) linear RGB, ≥ 0."""
    depth: NDArray[np.float32]
    """(H, W) z of what the pixel's centre sees [m]; ``far`` where that is the sky."""
    shapes: Integers
    """(H, W) index of the shape, -1 for the sky."""


def render_scene(scene: Scene, textures: Textures, pose: Pose, width: int, height: int, far: float) -> Rendered:
    """Trace every pixel's centre, and three places around it where an outline, an edge or a shadow crosses it.

    The same scene gives the same bytes, whatever the number of threads. Runs on as many as torch uses.
    """
    camera = np.concatenate([pose.eye, pose.axes.ravel(), pose.K[[0, 1, 0, 1], [0, 1, 2, 2]]]).astype(np.float64)
    color = np.empty((height, width, 3), np.float32)
    depth = np.empty((height, width), np.float32)
    shapes = np.empty((height, width), np.int32)
    for_chunks(_trace_rows, height, ROWS, scene, textures, camera, far, color, depth, shapes)
    smooth = np.empty_like(color)
    for_chunks(_smooth_rows, height, ROWS, scene, textures, camera, far, color, depth, shapes, smooth)
    return Rendered(smooth, depth, shapes)


@inlined
def _pixel(
    scene: Scene, textures: Textures, camera: Doubles, u: float, v: float, far: float
) -> tuple[float, int, float, float, float]:
    x, y = (u - camera[14]) / camera[12], (v - camera[15]) / camera[13]
    return trace(
        scene,
        textures,
        camera[0],
        camera[1],
        camera[2],
        camera[3] * x + camera[4] * y + camera[5],
        camera[6] * x + camera[7] * y + camera[8],
        camera[9] * x + camera[10] * y + camera[11],
        1.0 / min(camera[12], camera[13]),
        far,
    )


@kernel
def _trace_rows(
    start: int, stop: int, scene: Scene, textures: Textures, camera: Doubles, far: float,
    color: Floats, depth: Floats, shapes: Integers,
) -> None:  # fmt: skip
    for row in range(start, stop):
        for column in range(color.shape[1]):
            t, shape, r, g, b = _pixel(scene, textures, camera, column + 0.5, row + 0.5, far)
            depth[row, column], shapes[row, column] = t, shape
            color[row, column, 0], color[row, column, 1], color[row, column, 2] = r, g, b


@inlined
def _differ(color: Floats, shapes: Integers, row: int, column: int, row2: int, column2: int) -> bool:
    if shapes[row, column] != shapes[row2, column2]:
        return True
    a, b = color[row, column, 1], color[row2, column2, 1]
    return abs(a - b) > 0.35 * (a + b) + 0.02


@kernel
def _smooth_rows(
    start: int, stop: int, scene: Scene, textures: Textures, camera: Doubles, far: float,
    color: Floats, depth: Floats, shapes: Integers, smooth: Floats,
) -> None:  # fmt: skip
    height, width = shapes.shape
    for row in range(start, stop):
        for column in range(width):
            r, g, b = color[row, column, 0], color[row, column, 1], color[row, column, 2]
            edge = (
                (column > 0 and _differ(color, shapes, row, column, row, column - 1))
                or (column < width - 1 and _differ(color, shapes, row, column, row, column + 1))
                or (row > 0 and _differ(color, shapes, row, column, row - 1, column))
                or (row < height - 1 and _differ(color, shapes, row, column, row + 1, column))
            )
            if edge:
                r, g, b = 0.25 * min(r, BRIGHTEST), 0.25 * min(g, BRIGHTEST), 0.25 * min(b, BRIGHTEST)
                for sample in range(3):  # a turned triangle round the centre, which is known already
                    u = column + 0.5 + (0.39, -0.29, -0.1)[sample]
                    v = row + 0.5 + (0.1, 0.29, -0.39)[sample]
                    _, _, r1, g1, b1 = _pixel(scene, textures, camera, u, v, far)
                    r += 0.25 * min(r1, BRIGHTEST)
                    g += 0.25 * min(g1, BRIGHTEST)
                    b += 0.25 * min(b1, BRIGHTEST)
            smooth[row, column, 0], smooth[row, column, 1], smooth[row, column, 2] = r, g, b
