"""Collects shapes and materials one at a time and hands them to the tracer as arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.bank import Bank
from sharp_cli.scenes.layout import Doubles, Scene
from sharp_cli.scenes.tree import build_tree

Vector = Sequence[float] | NDArray[np.float64]
Color = tuple[float, float, float]

WHOLE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def turned(yaw: float, size: Vector = (1.0, 1.0, 1.0)) -> list[list[float]]:
    """Three axes of these lengths, turned round the upright one."""
    c, s = math.cos(yaw), math.sin(yaw)
    return [[c * size[0], 0.0, s * size[0]], [0.0, size[1], 0.0], [-s * size[2], 0.0, c * size[2]]]


def _cross(a: Vector, b: Vector) -> list[float]:
    """As numpy's, which for three numbers takes twenty times as long."""
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def _prepared(capsules: Doubles, blend: float) -> Doubles:
    """(C, 8) starts, radii there, ends, radii there, as ``layout`` has them: (C, 13)."""
    start, along, radius = capsules[:, :3], capsules[:, 4:7] - capsules[:, :3], capsules[:, 3:8:4]
    square = np.einsum("ni,ni->n", along, along)
    inverse = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
    reach = 0.5 * np.sqrt(square) + radius.max(axis=1) + blend
    columns = radius[:, 0], along, radius[:, 1] - radius[:, 0], inverse, start + 0.5 * along, reach**2
    return np.column_stack([start, *columns])


class SceneBuilder:
    """A scene in the making: x right, y up, z forward, meters, the ground near y = 0.

    Shapes take a place and three axes, one a row: the local x, y and z axis in the scene, in meters a local unit.
    """

    def __init__(self, rng: Generator, bank: Bank) -> None:
        self.rng, self.bank = rng, bank
        self.light = np.zeros(at.LIGHT_SIZE)
        self.light[[at.SKY, at.FOCUS, at.SKY_GAIN, at.OCCLUSION, at.CLOUD_SIZE]] = -1.0, 5.0, 1.0, 0.8, 1.0
        self._kinds: list[int] = []
        self._places: list[Vector] = []
        self._axes: list[Sequence[Vector] | Doubles] = []
        self._params: list[tuple[float, float, float, float]] = []
        self._material: list[int] = []
        self._bounds: list[Sequence[float] | None] = []
        self._materials: list[list[float]] = []
        self._capsules: list[Doubles] = []
        self._heights: list[Doubles] = []
        self._height_count = 0
        self._occluders: list[tuple[float, float, float, float]] = []
        self._creases: list[tuple[float, float, float, float, float]] = []

    def __len__(self) -> int:
        return len(self._kinds)

    def material(self, texture: int, color: Color, repeat: float = 1.0, **columns: float) -> int:
        """A new material: linear RGB ``color`` is its mean, ``repeat`` textures a meter; see ``layout`` for the rest.

        ``columns`` are named as in ``layout``, in lower case: ``shine=0.3, gloss=40``.
        """
        row = [0.0] * at.MATERIAL_SIZE
        row[at.TEXTURE_2] = row[at.PANORAMA] = -1.0
        row[at.TEXTURE], row[at.REPEAT] = texture, repeat
        row[at.RED : at.BLUE + 1] = color
        row[at.SHIFT_U], row[at.SHIFT_V] = 2 * self.rng.random(), 2 * self.rng.random()
        turn = self.rng.uniform(0, 2 * math.pi)
        row[at.COSINE], row[at.SINE] = math.cos(turn), math.sin(turn)
        row[at.CONTRAST] = row[at.PATCH_SIZE] = row[at.MIX_SIZE] = 1.0
        row[at.TINT] = 0.7
        for name, value in columns.items():
            row[getattr(at, name.upper())] = value
        self._materials.append(row)
        return len(self._materials) - 1

    def set_columns(self, material: int, **columns: float) -> None:
        """Change a material that is there already."""
        for name, value in columns.items():
            self._materials[material][getattr(at, name.upper())] = value

    def add(
        self, kind: int, place: Vector, axes: Sequence[Vector] | Doubles, material: int, *params: float,
        bounds: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        """A shape of one of ``layout``'s kinds.

        ``bounds``: its low and high corner in the local frame, [-1, 1]³ if not given.
        """
        self._kinds.append(kind)
        self._places.append(place)
        self._axes.append(axes)
        self._params.append((*params, *(0.0,) * (4 - len(params))))  # type: ignore[arg-type]
        self._material.append(material)
        self._bounds.append(bounds)

    def box(self, place: Vector, half: Vector, material: int, yaw: float = 0.0) -> None:
        """A box round ``place`` with these half sizes."""
        self.add(at.BOX, place, turned(yaw, half), material)

    def ball(self, place: Vector, half: Vector, material: int, yaw: float = 0.0) -> None:
        """An ellipsoid."""
        self.add(at.BALL, place, turned(yaw, half), material)

    def rounded(self, place: Vector, half: Vector, radius: float, material: int, yaw: float = 0.0) -> None:
        """A box with rounded edges: cushions, cars, soap, phones."""
        radius = min(radius, *half)
        self.add(at.ROUND, place, turned(yaw), material, *half, radius, bounds=(*(-h for h in half), *half))

    def rod(
        self, start: Vector, end: Vector, radius: float, radius_end: float, material: int, closed: bool = True
    ) -> None:
        """A cylinder or cone from one place to another."""
        p, q = [float(value) for value in start], [float(value) for value in end]
        along = [0.5 * (q[i] - p[i]) for i in range(3)]
        length = math.hypot(*along)
        side = _cross(along, (1.0, 0.0, 0.0) if abs(along[0]) < 0.9 * length else (0.0, 0.0, 1.0))
        stretch = radius / math.hypot(*side)
        side = [stretch * value for value in side]
        third = _cross([value / length for value in along], side)
        wide = max(1.0, radius_end / radius)
        middle, shape = [0.5 * (p[i] + q[i]) for i in range(3)], (radius_end / radius, float(closed))
        self.add(at.CONE, middle, (side, third, along), material, *shape, bounds=(-wide, -wide, -1.0, wide, wide, 1.0))

    def flat(self, place: Vector, right: Vector, up: Vector, material: int, outline: float = at.RECTANGLE) -> None:
        """A flat shape round ``place``, reaching ``right`` and ``up`` from it (half sizes)."""
        normal = _cross(right, up)
        length = math.hypot(*normal)
        normal = [value / length for value in normal]
        self.add(at.FLAT, place, (right, up, normal), material, outline, bounds=(-1, -1, 0, 1, 1, 0))

    def ground(self, material: int, y: float = 0.0, reach: float = 3000.0) -> None:
        """Level ground."""
        self.flat((0.0, y, 0.0), (reach, 0.0, 0.0), (0.0, 0.0, reach), material)

    def blob(
        self, place: Vector, capsules: Sequence[Sequence[float]], blend: float, material: int,
        yaw: float = 0.0, scale: float = 1.0,
    ) -> None:  # fmt: skip
        """A smooth union of capsules (start x, y, z, radius, end x, y, z, radius); ``blend``: how widely they melt."""
        start = len(self._capsules)
        rows = np.asarray(capsules, float)
        self._capsules.extend(_prepared(rows, blend))
        low = np.minimum(rows[:, :3] - rows[:, 3:4], rows[:, 4:7] - rows[:, 7:8]).min(axis=0) - 0.3 * blend
        high = np.maximum(rows[:, :3] + rows[:, 3:4], rows[:, 4:7] + rows[:, 7:8]).max(axis=0) + 0.3 * blend
        axes = turned(yaw, (scale, scale, scale))
        self.add(at.BLOB, place, axes, material, start, len(self._capsules), blend, bounds=(*low, *high))

    def terrain(self, corner: Vector, cell: tuple[float, float], heights: Doubles, material: int) -> None:
        """Ground of (rows along z, columns along x) ``heights`` above ``corner``, ``cell`` meters apart in x and z."""
        rows, columns = heights.shape
        axes = ((cell[0], 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, cell[1]))
        low, high = float(heights.min()) - 1e-3, float(heights.max()) + 1e-3
        bounds = (0.0, low, 0.0, columns - 1.0, high, rows - 1.0)
        self.add(at.TERRAIN, corner, axes, material, self._height_count, columns, rows, bounds=bounds)
        self._heights.append(np.ascontiguousarray(heights, np.float64).ravel())
        self._height_count += heights.size

    def dims(self, place: Vector, radius: float) -> None:
        """Let what is near this ball receive less ambient light: how things come to stand on the ground."""
        if len(self._occluders) < 40:
            self._occluders.append((place[0], place[1], place[2], radius))

    def crease(self, normal: Vector, offset: float, reach: float) -> None:
        """Let what is near this wall receive less ambient light; the plane is normal · p = offset."""
        self._creases.append((*normal, offset, reach))

    def finish(self) -> Scene:
        """Everything so far as arrays."""
        places, rows = np.array(self._places, float), np.array(self._axes, float)
        local = np.array([(-1.0, -1, -1, 1, 1, 1) if b is None else b for b in self._bounds])
        middle, half = (local[:, :3] + local[:, 3:]) / 2, (local[:, 3:] - local[:, :3]) / 2
        center = places + np.einsum("ni,nij->nj", middle, rows)
        reach = np.einsum("ni,nij->nj", half, np.abs(rows)) + 1e-6
        inverse = np.linalg.inv(rows.transpose(0, 2, 1))
        offset = -np.einsum("nij,nj->ni", inverse, places)
        bounds = np.hstack([center - reach, center + reach])
        nodes, skip, leaf = build_tree(bounds)
        return Scene(
            nodes=nodes,
            skip=skip,
            leaf=leaf,
            kinds=np.array(self._kinds, np.int32),
            bounds=bounds,
            to_local=np.concatenate([inverse, offset[..., None]], axis=2),
            metric=np.linalg.norm(rows, axis=2),
            params=np.array(self._params, float),
            material=np.array(self._material, np.int32),
            materials=np.array(self._materials, float),
            capsules=np.array(self._capsules, float).reshape(-1, 13),
            heights=np.concatenate([*self._heights, np.zeros(1)]),
            occluders=np.array(self._occluders, float).reshape(-1, 4),
            creases=np.array(self._creases, float).reshape(-1, 5),
            light=self.light.copy(),
        )
