"""``.splat``: 32 bytes a Gaussian, no header (antimatter15/splat). Loses spherical harmonics and provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SMALLEST_SCALE, SplatColumns
from sharp_cli.formats.metadata import read_record, to_metadata, with_metadata, write_with_record
from sharp_cli.formats.reading import drop_bad_rows, reading
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.sh import SH_C0

ROW = np.dtype([("means", "<f4", 3), ("scales", "<f4", 3), ("rgba", "u1", 4), ("quats", "u1", 4)])
"""Scales are linear [m], colors sRGB, quaternions w, x, y, z as 128 + 128 · q."""


def write_splat_file(
    path: str | PathLike[str], splat: StoredSplat, provenance: Mapping[str, str] | None = None
) -> None:
    """Write a ``.splat`` file, most visible Gaussians first, as viewers that load progressively expect.

    The camera, the facts and ``provenance`` go into a record beside it.

    Raises:
        OSError: the file cannot be written.
    """
    columns = splat.columns.to_write(max_degree=0)
    rows = np.empty(len(columns.means), ROW)
    rows["means"], rows["scales"] = columns.means, np.exp(columns.log_scales)
    colors = np.column_stack([0.5 + SH_C0 * columns.dc, columns.opacities])
    rows["rgba"] = np.rint(255 * colors).clip(0, 255)
    rows["quats"] = np.rint(128 + 128 * columns.quats).clip(0, 255)
    visible = columns.opacities * np.exp(columns.log_scales.sum(axis=1, dtype=np.float64))
    content = rows[np.argsort(-visible, kind="stable")].tobytes()
    write_with_record(Path(path), content, to_metadata(splat, provenance))


def read_splat_file(path: str | PathLike[str], warn: Callable[[str], None] = lambda text: None) -> StoredSplat:
    """Read a ``.splat`` file.

    Raises:
        SharpError: it cannot be read, or its length is not a multiple of 32 bytes.
    """
    with reading(path) as file:
        content = file.read_bytes()
        if len(content) % ROW.itemsize:
            raise SharpError(f"its {len(content):,} bytes are not a multiple of {ROW.itemsize}, so it is not complete")
        return with_metadata(drop_bad_rows(_decode(np.frombuffer(content, ROW)), path, warn), read_record(file))


def _decode(rows: npt.NDArray[np.void]) -> SplatColumns:
    log_scales = np.log(np.maximum(np.abs(rows["scales"]), np.float32(SMALLEST_SCALE)))
    return SplatColumns(
        means=rows["means"],
        log_scales=log_scales,
        quats=(rows["quats"].astype(np.float32) - 128) / 128,
        opacities=rows["rgba"][:, 3] / np.float32(255),
        dc=(rows["rgba"][:, :3] / np.float32(255) - np.float32(0.5)) / np.float32(SH_C0),
        sh=None,
    )
