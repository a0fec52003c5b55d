"""From OpenCV's axes (y down, z forward) to OpenGL's (y up, z backward), and back: a half turn around x."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from sharp_cli.gaussians.axes import Up
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.spherical_harmonics import sh_degree

OPPOSITE: dict[Up, Up] = {"y": "-y", "-y": "y", "z": "-z", "-z": "z", "x": "x", "-x": "-x"}


def half_turned(gaussians: Gaussians) -> Gaussians:
    """The Gaussians turned by 180° around x; twice gives the same again, exactly.

    Positions and the vector parts of quaternions change sign along y and z, harmonics by their parity. The camera keeps
    its size and focal length.
    """
    sh = gaussians.sh
    return replace(
        gaussians,
        means=gaussians.means * gaussians.means.new_tensor([1, -1, -1]),
        quats=gaussians.quats * gaussians.quats.new_tensor([1, 1, -1, -1]),
        sh=None if sh is None else sh * _signs(sh)[:, None],
        up=gaussians.up and OPPOSITE[gaussians.up],
    )


def _signs(sh: Tensor) -> Tensor:
    """(K,) signs by which harmonics change when y and z are negated.

    A harmonic of degree l and order m, in the order m = −l … l, is even or odd in y by the sign of m (odd for m < 0),
    and even or odd in z by l + m.
    """
    degrees = range(1, sh_degree(sh) + 1)
    return sh.new_tensor([(-1 if m < 0 else 1) * (-1) ** (d + m) for d in degrees for m in range(-d, d + 1)])
