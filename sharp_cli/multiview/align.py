"""Bring the faces of a panorama to one scale, by what they see together.

1. One log ratio of range per overlap, one log scale per face by least squares over all overlaps. Since the ring
   closes, drift is spread over it. The middle of the ring's scales stays what the network says: it knows faces with a
   horizon best.
2. What remains at a seam is corrected on both sides alike, smoothly along the seam and fading away from it.

Everything scales Gaussians away from or toward the center, so the view from there does not change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sharp_cli.multiview.equirect import Floats, to_angles
from sharp_cli.multiview.faces import CUT, POLE_OVERLAP, Ring, Seam
from sharp_cli.multiview.seams import Surface, bin_medians, robust_mean, smooth_profile

BIN = math.radians(3)
"""Size of a bin along a seam [rad]."""
ACROSS = 3
"""Bins across an overlap."""
LARGEST = math.log(4)
"""Bound of the correction at a seam."""
LARGEST_RATIO = math.log(100)
"""Faces that differ more have nothing to do with each other."""


class Profile(NamedTuple):
    """Log ratios of range along a seam: its first side's to its second's."""

    values: Floats
    """One per bin."""
    start: float
    """Where the first bin begins [rad]."""
    step: float
    """Size of a bin [rad]."""
    circular: bool

    def at(self, along: Floats) -> Floats:
        """The ratio at places along the seam [rad]."""
        places = (along - self.start) / self.step - 0.5
        period = len(self.values) if self.circular else None
        found: Floats = np.interp(places, np.arange(len(self.values)), self.values, period=period)
        return found


@dataclass
class Alignment:
    """What brings each face to its neighbors; see :meth:`correction`."""

    ring: Ring
    log_scales: Floats
    """(faces,)."""
    seams: list[tuple[Seam, Profile]] = field(default_factory=list)
    poles: list[tuple[int, Profile]] = field(default_factory=list)
    """The face of a pole, and its ratio to the ring along the yaw."""
    lonely: list[str] = field(default_factory=list)
    """Faces that share nothing with others; they keep the network's scale."""

    def correction(self, face: int, directions: Floats) -> Floats:
        """(M,) logarithm of what to multiply a face's Gaussians by, by their directions (M, 3)."""
        yaw, pitch = to_angles(directions)
        found = np.full(len(directions), self.log_scales[face])
        for seam, profile in self.seams:
            side = (face == seam.second) * 0.5 - (face == seam.first) * 0.5
            if side:
                away = np.abs(wrapped(yaw - seam.yaw)) / (self.ring.step / 2)
                found += side * profile.at(pitch) * _fade(away)
        for pole, profile in self.poles:
            sign = self.ring.faces[pole].pole
            if face == pole or not self.ring.faces[face].pole:
                side = -0.5 if face == pole else 0.5
                found += side * profile.at(yaw) * _fade(np.abs(sign * pitch - CUT) / CUT)
        return found


def align(ring: Ring, surfaces: Sequence[Surface], weights: Sequence[float]) -> Alignment:
    """Find the scales and corrections of all faces.

    Args:
        surfaces: of each face, in the panorama's axes.
        weights: how far to trust each face, in (0, 1]: a black one must not move its neighbors.
    """
    alignment = Alignment(ring, np.zeros(len(ring.faces)))
    ratios = _overlaps(ring, surfaces)
    known = [(i, j, ratio) for i, j, ratio in ratios if ratio is not None and abs(ratio) < LARGEST_RATIO]
    scales = solve(len(ring.faces), known, weights)
    trusted = [scale for scale, weight in zip(scales[: ring.count], weights, strict=False) if weight == max(weights)]
    alignment.log_scales = scales - np.median(trusted or scales)
    seen = {index for i, j, _ in known for index in (i, j)}
    alignment.lonely = [face.name for index, face in enumerate(ring.faces) if index not in seen]
    alignment.seams = [(seam, _seam_profile(alignment, surfaces, seam)) for seam in ring.seams]
    alignment.poles = [
        (index, _pole_profile(alignment, surfaces, index)) for index in range(ring.count, len(ring.faces))
    ]
    return alignment


def solve(count: int, ratios: Sequence[tuple[int, int, float]], weights: Sequence[float]) -> Floats:
    """(count,) log scales x that make x_i - x_j = -ratio_ij as well as possible; their weighted mean is 0.

    Args:
        ratios: first face, second face, log of the first's range over the second's.
        weights: of each face.
    """
    rows, values = [np.asarray(weights, float)], [0.0]
    for i, j, ratio in ratios:
        row = np.zeros(count)
        weight = weights[i] * weights[j]
        row[i], row[j] = weight, -weight
        rows.append(row)
        values.append(-weight * ratio)
    found: Floats = np.linalg.lstsq(np.stack(rows), np.array(values), rcond=None)[0]
    return found


def wrapped(angle: Floats) -> Floats:
    """Angles brought to -π..π."""
    turned: Floats = np.mod(angle + math.pi, math.tau) - math.pi
    return turned


def _fade(away: Floats) -> Floats:
    """1 at a seam, 0 from ``away`` = 1 on."""
    faded: Floats = (1 + np.cos(math.pi * np.clip(away, 0, 1))) / 2
    return faded


def _overlaps(ring: Ring, surfaces: Sequence[Surface]) -> list[tuple[int, int, float | None]]:
    """The log ratio of every two faces that overlap."""
    found: list[tuple[int, int, float | None]] = []
    for seam in ring.seams:
        grids = [_seam_grid(ring, seam, surfaces[face]) for face in (seam.first, seam.second)]
        found.append((seam.first, seam.second, _ratio(*grids)))
    for pole in range(ring.count, len(ring.faces)):
        own = _pole_grid(ring, pole, surfaces[pole])
        for index in range(ring.count):
            other = _pole_grid(ring, pole, surfaces[index], cell=index)
            found.append((pole, index, _ratio(own, other)))
    return found


def _ratio(first: Floats, second: Floats) -> float | None:
    """One log ratio of two grids of log range."""
    return robust_mean((first - second).ravel(), np.exp(-(first + second) / 2).ravel())


def _seam_grid(ring: Ring, seam: Seam, seen: Surface, correction: Floats | float = 0.0) -> Floats:
    """(along, across) medians of log range in the overlap at a seam of the ring."""
    yaw, pitch = to_angles(seen.directions)
    along = max(1, round((ring.high - ring.low) / BIN))
    a = np.floor((pitch - ring.low) / (ring.high - ring.low) * along).astype(np.int64)
    b = np.floor((wrapped(yaw - seam.yaw) / seam.half_overlap + 1) / 2 * ACROSS).astype(np.int64)
    inside = (a >= 0) & (a < along) & (b >= 0) & (b < ACROSS)
    bins = np.where(inside, a * ACROSS + b, -1)
    return bin_medians(bins, seen.log_range + correction, along * ACROSS).reshape(along, ACROSS)


def _pole_grid(
    ring: Ring, pole: int, seen: Surface, correction: Floats | float = 0.0, cell: int | None = None
) -> Floats:
    """(along, across) medians of log range around the cut of a pole; along is all around.

    Args:
        cell: count only what lies in this face's part of the ring.
    """
    yaw, pitch = to_angles(seen.directions)
    along = round(math.tau / BIN)
    a = np.floor((yaw + math.pi) / math.tau * along).astype(np.int64) % along
    b = np.floor(((ring.faces[pole].pole * pitch - CUT) / POLE_OVERLAP + 1) / 2 * ACROSS).astype(np.int64)
    inside = (b >= 0) & (b < ACROSS)
    if cell is not None:
        inside &= ring.cells(yaw, np.zeros_like(pitch)) == cell
    bins = np.where(inside, a * ACROSS + b, -1)
    return bin_medians(bins, seen.log_range + correction, along * ACROSS).reshape(along, ACROSS)


def _seam_profile(alignment: Alignment, surfaces: Sequence[Surface], seam: Seam) -> Profile:
    ring = alignment.ring
    first, second = (
        _seam_grid(ring, seam, surfaces[face], alignment.log_scales[face]) for face in (seam.first, seam.second)
    )
    step = (ring.high - ring.low) / len(first)
    return Profile(_bounded(first - second, circular=False), ring.low, step, circular=False)


def _pole_profile(alignment: Alignment, surfaces: Sequence[Surface], pole: int) -> Profile:
    """Of a pole's face to the ring as it is after its own seams are corrected."""
    ring = alignment.ring
    own = _pole_grid(ring, pole, surfaces[pole], alignment.log_scales[pole])
    around = np.full_like(own, np.nan)
    for index in range(ring.count):
        seen = surfaces[index]
        part = _pole_grid(ring, pole, seen, alignment.correction(index, seen.directions), cell=index)
        around = np.where(np.isnan(around), part, around)
    return Profile(_bounded(own - around, circular=True), -math.pi, math.tau / len(own), circular=True)


def _bounded(ratios: Floats, *, circular: bool) -> Floats:
    """(along,) the smooth profile of (along, across) log ratios."""
    with np.errstate(all="ignore"):
        rows = np.array([np.nanmedian(row) if np.isfinite(row).any() else np.nan for row in ratios])
    clipped: Floats = np.clip(smooth_profile(rows, circular=circular), -LARGEST, LARGEST)
    return clipped
