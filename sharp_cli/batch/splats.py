"""What the tasks that write splats share: fitting, writing by format, and exports among the inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import FORMATS, can_read, format_of, read_metadata, write_splat
from sharp_cli.runtime.files import holds

if TYPE_CHECKING:
    from torch import Tensor

    from sharp_cli.formats.ply import PlyLayout
    from sharp_cli.formats.stored import StoredSplat
    from sharp_cli.gaussians.axes import Axes
    from sharp_cli.gaussians.fit import Fit
    from sharp_cli.gaussians.gaussians import Gaussians

SPLAT_SUFFIXES = frozenset(f".{known.suffix.rpartition('.')[2]}" for known in FORMATS if known.reader)
"""What a search of folders takes for splats."""


def fit_settings(fit: Fit | None) -> dict[str, object]:
    """A fit as results record it; nothing for none, so that results from before there was one stay done."""
    if fit is None:
        return {}
    return {key: str(value).replace(" ", "") for key, value in vars(fit).items() if value}


def axes_settings(axes: Axes) -> dict[str, object]:
    """Axes as results record them; nothing for OpenCV's, so that results from before there was a choice stay done."""
    return {} if axes == "opencv" else {"axes": axes}


def fitted(gaussians: Gaussians, wanted: Fit | None) -> Gaussians:
    """The Gaussians that are wanted; raises as :func:`sharp_cli.gaussians.fitting.fit`."""
    if wanted is None:
        return gaussians
    from sharp_cli.gaussians.fitting import fit

    return fit(gaussians, wanted)


def start_rows_of(path: Path, gaussians: Gaussians, layout: PlyLayout) -> Callable[[], Tensor] | None:
    """Begin to pack Gaussians on a GPU for a .ply file, before it has other work; None for files of other formats."""
    if not _is_ply(path):
        return None
    from sharp_cli.formats.ply_vertices import start_rows

    return start_rows(gaussians, layout)


def write_result(
    path: Path,
    gaussians: Gaussians | StoredSplat,
    layout: PlyLayout,
    provenance: Mapping[str, str],
    axes: Axes,
    rows: Callable[[], Tensor] | None = None,
) -> None:
    """Write a splat in the format of its suffix; ``layout`` is that of a .ply file, and ``rows`` are for it.

    Raises:
        SharpError: values that the format cannot hold.
        OSError: the file cannot be written.
    """
    if _is_ply(path):
        from sharp_cli.formats.ply import write_ply

        write_ply(path, gaussians, layout, provenance, axes=axes, rows=rows)
    else:
        write_splat(path, gaussians, provenance, axes=axes)


def is_export(path: Path) -> bool:
    """Whether a splat found by searching was exported from another one that lies beside it."""
    try:
        source = unquote(read_metadata(path).get("source", ""))
    except SharpError:
        return False
    return bool(source) and can_read(source) and holds((path.parent / source).is_file)


def _is_ply(path: Path) -> bool:
    found = format_of(path)
    return found is not None and found.suffix == ".ply"
