"""The pinhole pictures that a panorama is predicted from: a ring of tall faces, and one each for zenith and nadir.

A ring of tall faces has fewer and better placed seams than a cube: most of what matters lies at the horizon, and the
ring closes. Each face is responsible for a cell, cut by yaw in the middle of the overlaps, and by pitch toward the
zenith and the nadir.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.multiview.equirect import Floats, Panorama

Integers = npt.NDArray[np.int64]

COUNT = 6
"""Faces of a full ring."""
OVERLAP = math.radians(12)
"""Between neighbors of the ring [rad]."""
CUT = math.radians(43)
"""Pitch beyond which the zenith's and the nadir's faces are used [rad]."""
POLE_OVERLAP = math.radians(5)
"""How far these reach beyond the cut [rad], and the ring at least."""
COUNTS = range(4, 13)


@dataclass(frozen=True)
class Face:
    """One pinhole picture of the panorama."""

    name: str
    yaw: float
    """Of its axis [rad]; 0 for the zenith and the nadir."""
    pole: int
    """1 for the zenith, -1 for the nadir, 0 in the ring."""
    tan_x: float
    """Half its width at distance 1."""
    tan_y: float
    """Half its height at distance 1."""

    @property
    def rotation(self) -> Floats:
        """(3, 3), columns: right, down and forward in the panorama's axes."""
        if self.pole:
            return np.array([[1.0, 0, 0], [0, 0, -self.pole], [0, self.pole, 0]])
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return np.array([[c, 0, s], [0, 1.0, 0], [-s, 0, c]])

    def size(self, side: int) -> tuple[int, int, float]:
        """Width, height and focal length [px] of a picture whose shorter side has ``side`` pixels."""
        focal = side / 2 / min(self.tan_x, self.tan_y)
        return round(2 * self.tan_x * focal), round(2 * self.tan_y * focal), focal


@dataclass(frozen=True)
class Seam:
    """Where the cells of two faces of the ring meet: a line of constant yaw."""

    first: int
    """The face to the left."""
    second: int
    """The face to the right."""
    yaw: float
    """[rad]."""
    half_overlap: float
    """How far both faces reach beyond it [rad]."""


@dataclass(frozen=True)
class Ring:
    """All faces of a panorama: those of the ring from left to right, then the zenith and the nadir if needed."""

    faces: tuple[Face, ...]
    count: int
    """Faces of the ring."""
    seams: tuple[Seam, ...]
    low: float
    """Lowest pitch of the ring's cells [rad]."""
    high: float
    """Highest pitch of the ring's cells [rad]."""
    left: float
    """Yaw of the left edge of the first cell [rad]."""
    step: float
    """Width of a cell [rad]; the first and the last of a partial panorama are wider."""
    closed: bool

    def cells(self, yaw: Floats, pitch: Floats) -> Integers:
        """The face that is responsible for each direction."""
        turn = np.mod(yaw - self.left, math.tau)
        if not self.closed:  # what lies left of the first cell belongs to it
            turn = np.where(turn > (math.tau + self.step * self.count) / 2, 0.0, turn)
        cell = np.clip((turn / self.step).astype(np.int64), 0, self.count - 1)
        for index, face in enumerate(self.faces[self.count :], start=self.count):
            cell = np.where(face.pole * pitch > (self.high if face.pole > 0 else -self.low), index, cell)
        return cell


def choose_faces(panorama: Panorama, count: int = COUNT, overlap: float = OVERLAP) -> Ring:
    """The faces that a panorama needs.

    Args:
        count: faces that a full ring would have, 4 to 12.
        overlap: between neighbors [rad].

    Raises:
        SharpError: a count out of range.
    """
    if count not in COUNTS:
        raise SharpError(f"a ring needs {COUNTS[0]} to {COUNTS[-1]} faces, not {count}", "usage")
    closed = panorama.is_closed
    if closed:
        number, step = count, math.tau / count
        left = -step / 2  # the first face looks ahead
    else:
        number = max(1, math.ceil(panorama.span / (math.tau / count)))
        step = (panorama.span - overlap) / number if number > 1 else panorama.span
        left = panorama.left + (overlap / 2 if number > 1 else 0)
        overlap = overlap if number > 1 else 0.0
    poles = [pole for pole, edge in ((1, panorama.top), (-1, -panorama.bottom)) if edge > CUT + POLE_OVERLAP]
    high = CUT if 1 in poles else panorama.top
    low = -CUT if -1 in poles else panorama.bottom
    half = (step + overlap) / 2
    reach = max(high + POLE_OVERLAP * (1 in poles), -low + POLE_OVERLAP * (-1 in poles))
    tall = math.tan(max(reach, math.radians(5))) / math.cos(step / 2)
    names = [f"face {index + 1}" for index in range(number)]
    ring = [Face(name, left + (i + 0.5) * step, 0, math.tan(half), tall) for i, name in enumerate(names)]
    wide = math.tan(math.pi / 2 - CUT + POLE_OVERLAP)
    ends = [Face("the zenith" if pole > 0 else "the nadir", 0.0, pole, wide, wide) for pole in poles]
    seams = [
        Seam(i, (i + 1) % number, left + (i + 1) * step, overlap / 2) for i in range(number if closed else number - 1)
    ]
    return Ring((*ring, *ends), number, tuple(seams), low, high, left, step, closed)
