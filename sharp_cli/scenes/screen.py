"""Where boxes fall in a picture, so that a small tile of it tests the few shapes that it may see."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sharp_cli.scenes.compiling import inlined, kernel
from sharp_cli.scenes.layout import Doubles, Integers, Scene

NEAR = 1e-3
"""Depth from which on the camera sees anything [m]."""
MARGIN = 0.01
"""Rectangles are wider by this at each side, against rounding [px]."""
DIMMED = 6.5
"""How far balls dim the ambient light, in radii."""
LEFT, TOP, RIGHT, BOTTOM, DEPTH = range(5)


class Screen(NamedTuple):
    """A camera, and where it sees N shapes and Q balls that dim the ambient light."""

    camera: Doubles  # (16,) eye, axes row by row, fx, fy, cx, cy
    rectangles: Doubles  # (N, 5) left, top, right, bottom [px], smallest depth [m]
    order: Integers  # (N,) of these depths
    ball_rectangles: Doubles  # (Q, 5)
    ball_order: Integers  # (Q,)
    shapes: Integers  # (R, N) room for R tiles' lists at a time
    balls: Integers  # (R, Q)


class Tile(NamedTuple):
    """What one tile may see: the first so many entries of one row of these lists."""

    rectangles: Doubles  # (N, 5)
    shapes: Integers  # (R, N) nearest first
    balls: Integers  # (R, Q)
    row: int
    shape_count: int
    ball_count: int


def screen_of(scene: Scene, camera: Doubles, rows: int) -> Screen:
    """See :class:`Screen`; ``rows``: tiles at a time."""
    centers, reach = scene.occluders[:, :3], DIMMED * scene.occluders[:, 3:]
    rectangles, order = _on_screen(scene.bounds, camera)
    ball_rectangles, ball_order = _on_screen(np.hstack([centers - reach, centers + reach]), camera)
    room, ball_room = np.empty((rows, len(order)), np.int32), np.empty((rows, len(ball_order)), np.int32)
    return Screen(camera, rectangles, order, ball_rectangles, ball_order, room, ball_room)


def _on_screen(boxes: Doubles, camera: Doubles) -> tuple[Doubles, Integers]:
    """Rectangles in the picture that hold what of N boxes (low and high corners) is in front of the camera."""
    rectangles = np.empty((len(boxes), 5))
    _project(boxes, camera, rectangles)
    return rectangles, np.argsort(rectangles[:, DEPTH], kind="stable").astype(np.int32)


@inlined
def tile_at(screen: Screen, row: int, left: int, top: int, right: int, bottom: int) -> Tile:
    """List, in this row, what the pixels from ``left`` to before ``right`` and ``top`` to before ``bottom`` may see."""
    count = _list(screen.rectangles, screen.order, left, top, right, bottom, screen.shapes, row)
    ball_count = _list(screen.ball_rectangles, screen.ball_order, left, top, right, bottom, screen.balls, row)
    return Tile(screen.rectangles, screen.shapes, screen.balls, row, count, ball_count)


@kernel
def _project(boxes: Doubles, camera: Doubles, rectangles: Doubles) -> None:
    for i in range(len(boxes)):
        left, top, right, bottom, depth = np.inf, np.inf, -np.inf, -np.inf, np.inf
        for a in range(8):
            x, y, z = _corner(boxes, camera, i, a)
            if z >= NEAR:
                left, right = min(left, x / z), max(right, x / z)
                top, bottom = min(top, y / z), max(bottom, y / z)
                depth = min(depth, z)
                continue
            for axis in range(3):  # where the edges from here cross into what the camera sees
                x2, y2, z2 = _corner(boxes, camera, i, a ^ (1 << axis))
                if z2 >= NEAR:
                    share = (NEAR - z) / (z2 - z)
                    x3, y3 = (x + share * (x2 - x)) / NEAR, (y + share * (y2 - y)) / NEAR
                    left, right, top, bottom = min(left, x3), max(right, x3), min(top, y3), max(bottom, y3)
                    depth = NEAR
        rectangles[i, LEFT] = camera[12] * left + camera[14] - MARGIN
        rectangles[i, RIGHT] = camera[12] * right + camera[14] + MARGIN
        rectangles[i, TOP] = camera[13] * top + camera[15] - MARGIN
        rectangles[i, BOTTOM] = camera[13] * bottom + camera[15] + MARGIN
        rectangles[i, DEPTH] = depth * (1.0 - 1e-9)


@inlined
def _corner(boxes: Doubles, camera: Doubles, i: int, which: int) -> tuple[float, float, float]:
    """Corner 0 to 7 of a box in the camera's frame."""
    x = boxes[i, 3 if which & 1 else 0] - camera[0]
    y = boxes[i, 4 if which & 2 else 1] - camera[1]
    z = boxes[i, 5 if which & 4 else 2] - camera[2]
    return (
        camera[3] * x + camera[6] * y + camera[9] * z,
        camera[4] * x + camera[7] * y + camera[10] * z,
        camera[5] * x + camera[8] * y + camera[11] * z,
    )


@inlined
def _list(
    rectangles: Doubles, order: Integers, left: int, top: int, right: int, bottom: int, listed: Integers, row: int
) -> int:
    count = 0
    for k in range(len(order)):
        i = order[k]
        across = rectangles[i, LEFT] <= right and rectangles[i, RIGHT] >= left
        if across and rectangles[i, TOP] <= bottom and rectangles[i, BOTTOM] >= top:
            listed[row, count] = i
            count += 1
    return count
