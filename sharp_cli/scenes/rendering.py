"""A camera's picture of a scene: color, exact depth, and which shape each pixel sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharp_cli.runtime.kernels import for_chunks
from sharp_cli.scenes.compiling import inlined, kernel
from sharp_cli.scenes.layout import Doubles, Floats, Integers, Scene, Textures
from sharp_cli.scenes.screen import Screen, Tile, screen_of, tile_at
from sharp_cli.scenes.shading import light_from
from sharp_cli.scenes.tracing import first_hit

TILE = 8
"""Side of the squares whose pixels share a list of shapes that they may see."""
AT_A_TIME = 4096
"""Pixels a thread takes at a time, about."""
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
    """(3, 3) intrinsics in pixels; pixel centers are at half integers, as everywhere in this package."""


@dataclass(frozen=True)
class Rendered:
    """What a camera sees, (H, W, …)."""

    color: NDArray[np.float32]
    """(H, W, 3) linear RGB, ≥ 0."""
    depth: NDArray[np.float32]
    """(H, W) z of what the pixel's center sees [m]; ``far`` where that is the sky."""
    shapes: Integers
    """(H, W) index of the shape, -1 for the sky."""


class Film(NamedTuple):
    """A picture in the making, (H, W, …)."""

    color: Floats  # what the pixels' centers see
    depth: Floats
    shapes: Integers
    smooth: Floats  # color, averaged over each pixel


def render_scene(scene: Scene, textures: Textures, pose: Pose, width: int, height: int, far: float) -> Rendered:
    """Trace every pixel's center, and three places around it where an outline, an edge or a shadow crosses it.

    The same scene gives the same bytes, whatever the number of threads. Runs on as many as torch uses.
    """
    camera = np.concatenate([pose.eye, pose.axes.ravel(), pose.K[[0, 1, 0, 1], [0, 1, 2, 2]]]).astype(np.float64)
    film = Film(
        color=np.empty((height, width, 3), np.float32),
        depth=np.empty((height, width), np.float32),
        shapes=np.empty((height, width), np.int32),
        smooth=np.empty((height, width, 3), np.float32),
    )
    rows = TILE * max(1, AT_A_TIME // (TILE * width))
    screen = screen_of(scene, camera, -(-height // rows))
    for again in (False, True):
        for_chunks(_trace_rows, height, rows, scene, textures, screen, rows, far, film, again)
    return Rendered(film.smooth, film.depth, film.shapes)


@kernel
def _trace_rows(
    start: int, stop: int, scene: Scene, textures: Textures, screen: Screen, rows: int, far: float, film: Film,
    again: bool,
) -> None:  # fmt: skip
    """Every pixel's center, or, once these are known, three places more where they differ.

    Both in one, since whatever it takes to trace a ray is inlined here: as a call it would copy too much each time.
    """
    width = film.shapes.shape[1]
    for top in range(start, stop, TILE):
        bottom = min(top + TILE, stop)
        for left in range(0, width, TILE):
            right = min(left + TILE, width)
            tile = tile_at(screen, start // rows, left, top, right, bottom)
            for row in range(top, bottom):
                for column in range(left, right):
                    outline, edge = _differences(film.color, film.shapes, row, column) if again else (True, False)
                    if outline or edge:
                        _trace_pixel(scene, textures, screen.camera, tile, far, film, row, column, again, edge)
                    else:
                        for i in range(3):
                            film.smooth[row, column, i] = film.color[row, column, i]


@inlined
def _trace_pixel(
    scene: Scene, textures: Textures, camera: Doubles, tile: Tile, far: float, film: Film, row: int, column: int,
    again: bool, edge: bool,
) -> None:  # fmt: skip
    """Its center; or three places more, which, but for an ``edge``, look as the nearest center on the same shape."""
    color, wide = film.color, 1.0 / min(camera[12], camera[13])
    red, green, blue = 0.0, 0.0, 0.0
    for sample in range(3 if again else 1):
        u, v = column + 0.5, row + 0.5
        if again:  # a turned triangle round the center
            u, v = u + (0.39, -0.29, -0.1)[sample], v + (0.1, 0.29, -0.39)[sample]
        x, y = (u - camera[14]) / camera[12], (v - camera[15]) / camera[13]
        dx = camera[3] * x + camera[4] * y + camera[5]
        dy = camera[6] * x + camera[7] * y + camera[8]
        dz = camera[9] * x + camera[10] * y + camera[11]
        t, shape = first_hit(scene, tile, camera[0], camera[1], camera[2], dx, dy, dz, far)
        near = -1, -1
        if again and not edge:
            near = _same_shape(film.shapes, shape, row, column)
        if near[0] >= 0:
            r, g, b = color[near[0], near[1], 0], color[near[0], near[1], 1], color[near[0], near[1], 2]
        else:
            r, g, b = light_from(scene, textures, tile, shape, t, camera[0], camera[1], camera[2], dx, dy, dz, wide)
        if again:
            red, green, blue = red + min(r, BRIGHTEST), green + min(g, BRIGHTEST), blue + min(b, BRIGHTEST)
        else:
            film.depth[row, column], film.shapes[row, column] = t, shape
            color[row, column, 0], color[row, column, 1], color[row, column, 2] = r, g, b
    if again:
        film.smooth[row, column, 0] = 0.25 * (red + min(color[row, column, 0], BRIGHTEST))
        film.smooth[row, column, 1] = 0.25 * (green + min(color[row, column, 1], BRIGHTEST))
        film.smooth[row, column, 2] = 0.25 * (blue + min(color[row, column, 2], BRIGHTEST))


@inlined
def _differences(color: Floats, shapes: Integers, row: int, column: int) -> tuple[bool, bool]:
    """Whether an outline crosses a pixel, and whether an edge or a shadow within a shape does."""
    height, width = shapes.shape
    outline, edge = False, False
    for row2, column2 in ((row, column - 1), (row, column + 1), (row - 1, column), (row + 1, column)):
        if row2 < 0 or column2 < 0 or row2 >= height or column2 >= width:
            continue
        if shapes[row, column] != shapes[row2, column2]:
            outline = True
        else:
            a, b = color[row, column, 1], color[row2, column2, 1]
            edge = edge or abs(a - b) > 0.35 * (a + b) + 0.02
    return outline, edge


@inlined
def _same_shape(shapes: Integers, shape: int, row: int, column: int) -> tuple[int, int]:
    """This pixel or one beside it whose center sees ``shape``; (-1, -1) if there is none."""
    height, width = shapes.shape
    for row2, column2 in ((row, column), (row, column - 1), (row, column + 1), (row - 1, column), (row + 1, column)):
        if 0 <= row2 < height and 0 <= column2 < width and shapes[row2, column2] == shape:
            return row2, column2
    return -1, -1
