"""A splat from a file as the rows of a 3DGS ``.ply``'s vertices (docs/network.md §9), without torch.

``ply_vertices`` does the same for tensors, on whatever device.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SMALLEST_LOG, SplatColumns
from sharp_cli.formats.ply_layout import LARGEST_OPACITY, SMALLEST_OPACITY, PlyLayout, rest_count, vertex_names

BLOCK = 1 << 16
"""Gaussians at a time where temporary values are needed."""


def rows_of(columns: SplatColumns, layout: PlyLayout) -> npt.NDArray[np.float32]:
    """(N, properties) values in the order of :func:`~sharp_cli.formats.ply_layout.vertex_names`.

    Raises:
        SharpError: one of them is not finite.
    """
    rest = rest_count(columns.sh, layout)
    rows = np.zeros((len(columns.means), len(vertex_names(layout, rest))), np.float32)
    normals = 3 if layout == "full" else 0
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        block = rows[part]
        block[:, :3] = columns.means[part]
        block[:, 3 + normals : 6 + normals] = columns.dc[part]
        if columns.sh is not None and rest:  # channel by channel, padded with zeros
            sh = columns.sh[part].transpose(0, 2, 1)
            for channel in range(3):
                first = 6 + normals + channel * rest
                block[:, first : first + sh.shape[2]] = sh[:, channel]
        opacities = columns.opacities[part].clip(SMALLEST_OPACITY, LARGEST_OPACITY).astype(np.float64)
        block[:, -8] = np.log(opacities / (1 - opacities))
        block[:, -7:-4] = np.maximum(columns.log_scales[part], SMALLEST_LOG)
        block[:, -4:] = columns.quats[part]
        if not np.isfinite(block).all():
            raise SharpError("cannot write Gaussians: some values are NaN or infinite")
    return rows
