"""A splat as files hold it: what readers give and writers take, in NumPy arrays, so that neither needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import PurePath

import numpy as np

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import Floats, SplatColumns
from sharp_cli.gaussians.axes import Up
from sharp_cli.gaussians.gaussians import Blending, Camera, Gaussians
from sharp_cli.gaussians.sh import sh_degree

OPPOSITE: dict[Up, Up] = {"y": "-y", "-y": "y", "z": "-z", "-z": "z", "x": "x", "-x": "-x"}


@dataclass(frozen=True, eq=False)
class StoredSplat:
    """N Gaussians in the units of files, and what files say of them as a whole."""

    columns: SplatColumns
    camera: Camera | None = None
    """The photo's camera, if known."""
    facts: dict[str, str] = field(default_factory=dict)
    """As :attr:`Gaussians.facts <sharp_cli.gaussians.gaussians.Gaussians.facts>`."""
    blending: Blending = "srgb"
    """The colors that renderers blend, as in Gaussians."""
    up: Up | None = None
    """The world axis that points up, if the file says so."""

    def __len__(self) -> int:
        return len(self.columns.means)


def as_stored(splat: Gaussians | StoredSplat) -> StoredSplat:
    """A splat as files hold it; Gaussians on a GPU are waited for."""
    if isinstance(splat, StoredSplat):
        return splat
    from sharp_cli.formats.tensors import to_stored

    return to_stored(splat)


def check_some(splat: StoredSplat, path: str | PathLike[str]) -> None:
    """Raise SharpError before a format that cannot hold nothing is written."""
    if not len(splat):
        suffix = PurePath(path).suffix
        raise SharpError(f"cannot write {path}: a {suffix} file must hold a Gaussian, and this splat has none")


def half_turned(splat: StoredSplat) -> StoredSplat:
    """From OpenCV's axes (y down, z forward) to OpenGL's (y up, z backward): turned by 180° around x.

    Twice gives the same again, exactly. Positions and the vector parts of quaternions change sign along y and z,
    harmonics by their parity. The camera keeps its size and focal length.
    """
    columns = splat.columns
    turned = columns._replace(
        means=columns.means * np.array([1, -1, -1], np.float32),
        quats=columns.quats * np.array([1, 1, -1, -1], np.float32),
        sh=None if columns.sh is None else columns.sh * _signs(columns.sh)[:, None],
    )
    return replace(splat, columns=turned, up=splat.up and OPPOSITE[splat.up])


def _signs(sh: Floats) -> Floats:
    """(K,) signs by which harmonics change when y and z are negated.

    A harmonic of degree l and order m, in the order m = −l … l, is even or odd in y by the sign of m (odd for m < 0),
    and even or odd in z by l + m.
    """
    degrees = range(1, sh_degree(sh) + 1)
    return np.array([(-1 if m < 0 else 1) * (-1) ** (d + m) for d in degrees for m in range(-d, d + 1)], np.float32)
