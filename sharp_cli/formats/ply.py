"""3DGS ``.ply`` files: the common layout, the original's full one, and the published tool's (docs/network.md §9).

Reading goes ``ply_header`` (what a file declares) → ``ply_rows`` (its values) → ``ply_read``, and ``compressed_ply`` if
the rows are packed. ``ply_write`` is the way back, from ``ply_vertices`` for tensors and ``ply_columns`` for what was
read from a file; ``ply_layout`` holds the names that both ways use.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING

from sharp_cli.formats.ply_header import read_facts
from sharp_cli.formats.ply_layout import VERTEX, PlyLayout
from sharp_cli.formats.ply_read import read_stored_ply
from sharp_cli.formats.ply_write import write_ply

if TYPE_CHECKING:
    from sharp_cli.gaussians.gaussians import Gaussians

__all__ = ["VERTEX", "PlyLayout", "read_facts", "read_ply", "write_ply"]

LOG = logging.getLogger(__name__)


def read_ply(path: str | PathLike[str], *, warn: Callable[[str], None] = LOG.warning) -> Gaussians:
    """Read a 3DGS file of any layout, binary or ASCII, ours or another tool's, compressed or not.

    Colors are sRGB unless the file says linear; linear harmonics are converted by the curve's slope at the constant
    color, which is right as long as they are small. Harmonics that are all zero are left out. Infinite logits and
    scales whose logarithm is −∞ become the opacities 0 and 1 and the scale 0; rows with other values that are not
    finite are dropped. A file without a camera gives ``camera=None``.

    Args:
        warn: gets one sentence with the number of rows that were dropped, if any.

    Raises:
        SharpError: not a .ply file, truncated, no splat or one of an unknown kind, or no row with finite values.
    """
    from sharp_cli.formats.tensors import to_gaussians

    return to_gaussians(read_stored_ply(path, warn=warn))
