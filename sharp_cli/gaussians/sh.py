"""Spherical harmonics as files and tensors hold them: how many there are, without their values."""

from __future__ import annotations

import math
from typing import Protocol

SH_C0 = math.sqrt(1 / (4 * math.pi))
"""The constant spherical harmonic, of degree 0."""

MAX_DEGREE = 8
"""Files use 4 at most; far higher ones would lose their precision in fp32."""


class Shaped(Protocol):
    """A tensor or an array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""


def sh_degree(sh: Shaped) -> int:
    """The degree d of coefficients of shape (N, (d + 1)² − 1, 3).

    Raises:
        ValueError: any other shape.
    """
    shape = tuple(sh.shape)
    degree = math.isqrt(shape[1] + 1) - 1 if len(shape) == 3 else 0
    if degree < 1 or shape[1:] != ((degree + 1) ** 2 - 1, 3):
        raise ValueError(f"sh must have shape (N, 3, 8, 15, … or (d + 1)² − 1, 3), not {shape}")
    return degree
