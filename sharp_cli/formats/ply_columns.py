"""A splat from a file as the rows of a 3DGS ``.ply``'s vertices (docs/network.md §9), without torch.

``ply_vertices`` does the same for tensors, on whatever device.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SMALLEST_LOG, Floats, SplatColumns
from sharp_cli.formats.ply_layout import LARGEST_OPACITY, SMALLEST_OPACITY, PlyLayout, rest_coefficients


def rows_of(columns: SplatColumns, layout: PlyLayout) -> npt.NDArray[np.float32]:
    """(N, properties) values in the order of :func:`~sharp_cli.formats.ply_layout.vertex_names`.

    Raises:
        SharpError: one of them is not finite.
    """
    opacities = columns.opacities.clip(SMALLEST_OPACITY, LARGEST_OPACITY).astype(np.float64)
    normals = np.zeros((len(columns.means), 3 if layout == "full" else 0), np.float32)
    rest = _rest(columns, rest_coefficients(columns.sh, layout))
    logits = np.log(opacities / (1 - opacities))[:, None]
    logs = np.maximum(columns.log_scales, SMALLEST_LOG)
    rows = np.concatenate([columns.means, normals, columns.dc, rest, logits, logs, columns.quats], axis=1)
    if not np.isfinite(rows).all():
        raise SharpError("cannot write Gaussians: some values are NaN or infinite")
    packed: npt.NDArray[np.float32] = rows.astype(np.float32)
    return packed


def _rest(columns: SplatColumns, coefficients: int) -> Floats:
    """Harmonics as files hold them, channel by channel, padded with zeros."""
    rest = np.zeros((len(columns.means), 3, coefficients), np.float32)
    if columns.sh is not None and coefficients:
        rest[:, :, : columns.sh.shape[1]] = columns.sh.transpose(0, 2, 1)
    return rest.reshape(len(rest), 3 * coefficients)
