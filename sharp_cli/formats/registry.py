"""The splat formats by suffix: who reads and writes each, and what it loses. Imports neither numpy nor torch.

To add a format: write one module with a reader, a writer or both, and add one row to :data:`FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from os import PathLike, fspath
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import user_path

if TYPE_CHECKING:
    from sharp_cli.formats.stored import StoredSplat
    from sharp_cli.gaussians.axes import Axes
    from sharp_cli.gaussians.gaussians import Gaussians


class SplatFormat(NamedTuple):
    """One row of the registry."""

    suffix: str
    """In lower case, with the leading dot."""
    loses: str
    """What a splat loses in this format, in a few words; empty if nothing."""
    reader: str | None
    """``module.function`` in this package: (path, warn) → StoredSplat. None: the format cannot be read."""
    writer: str | None
    """``module.function`` in this package: (path, StoredSplat, provenance) → None. None: it cannot be written."""
    metadata: str | None = None
    """``module.function``: (path) → words to text, of a complete file, without reading its Gaussians. None: a record
    beside the file."""
    fixed_axes: bool = False
    """The format itself says y up, z backward; else axes are as the caller chooses."""


FORMATS = (
    SplatFormat(
        ".compressed.ply",
        "position, scale and rotation to about 11 bits, color and opacity to 8 bits, harmonics beyond degree 3, order",
        "ply_read.read_stored_ply",
        "compressed_ply.write_compressed_ply",
        "ply_header.read_facts",
    ),
    SplatFormat(".ply", "", "ply_read.read_stored_ply", "ply_write.write_ply", "ply_header.read_facts"),
    SplatFormat(
        ".sog",
        "position to 16 bits, scale and color to 256 values, rotation and opacity to 8 bits, harmonics to a palette",
        "sog.read_sog",
        "sog.write_sog",
        "sog.read_sog_metadata",
    ),
    SplatFormat(
        ".spz",
        "position to 0.25 mm, rotation to 9 bits, scale, color, opacity and harmonics to 8 bits",
        "spz.read_spz",
        "spz.write_spz",
        "spz.read_spz_metadata",
    ),
    SplatFormat(
        ".splat",
        "harmonics, camera and provenance, order; color, opacity and rotation to 8 bits",
        "splat.read_splat_file",
        "splat.write_splat_file",
    ),
    SplatFormat(".ksplat", "sharp cannot write it", "ksplat.read_ksplat", None),
    SplatFormat(
        ".glb",
        "harmonics beyond degree 3; sharp cannot read it back",
        None,
        "glb.write_glb",
        "glb.read_glb_metadata",
        fixed_axes=True,
    ),
    SplatFormat(
        ".usdz", "harmonics, camera and provenance; sharp cannot read it back", None, "usdz.write_usdz", fixed_axes=True
    ),
)
"""Longer suffixes come before the shorter ones they end in."""


def read_splat(path: str | PathLike[str], warn: Callable[[str], None] = lambda text: None) -> Gaussians:
    """Read a splat file; its suffix names the format.

    Args:
        warn: gets one sentence if Gaussians were dropped because their values are not finite.

    Raises:
        SharpError: an unknown suffix (``photo`` if it is a picture's), or whatever the format's reader refuses.
    """
    from sharp_cli.formats.tensors import to_gaussians

    return to_gaussians(read_stored(path, warn))


def read_stored(path: str | PathLike[str], warn: Callable[[str], None] = lambda text: None) -> StoredSplat:
    """Read a splat file as :func:`read_splat` does, into arrays: without torch."""
    path = user_path(path)
    splat: StoredSplat = _load(reader_of(path))(path, warn=warn)
    return splat


def reader_of(path: str | PathLike[str]) -> str:
    """What reads a splat file of this name, as in :attr:`SplatFormat.reader`.

    Raises:
        SharpError: an unknown suffix (``photo`` if it is a picture's).
    """
    found = format_of(path)
    if found is not None and found.reader is not None:
        return found.reader
    if is_picture(path):
        raise SharpError(f"cannot read {fspath(path)}: it is a picture, not a splat", "photo")
    raise SharpError(f"cannot read {fspath(path)}: {_unknown(path)} (sharp reads {known_suffixes('reader')})")


def is_picture(path: str | PathLike[str]) -> bool:
    """Whether a file is named like a photo."""
    from sharp_cli.photo.suffixes import PHOTO_SUFFIXES  # imports Pillow and numpy

    return PurePath(path).suffix.lower() in PHOTO_SUFFIXES


def write_splat(
    path: str | PathLike[str],
    gaussians: Gaussians | StoredSplat,
    provenance: Mapping[str, str] | None = None,
    *,
    axes: Axes = "opencv",
) -> None:
    """Write a splat file; the suffix names the format. The file appears only when it is complete.

    Args:
        provenance: how this file is made, kept in it, or in a record beside it if the format has no room.
        axes: of the file. Its metadata names them, so that reading the file gives OpenCV's again. ``.glb`` and
            ``.usdz`` are y up, whatever is chosen.

    Raises:
        SharpError: an unknown suffix or axes, or whatever the format's writer refuses.
        OSError: the file cannot be written.
    """
    path = user_path(path)
    found = format_of(path)
    if found is None or found.writer is None:
        raise SharpError(f"cannot write {fspath(path)}: {_unknown(path)} (sharp writes {known_suffixes('writer')})")
    if found.suffix == ".ply":  # whose writer takes tensors as they are, and turns axes by itself
        _load(found.writer)(path, gaussians, provenance=provenance, axes=axes)
        return
    _load("metadata.check_axes")(axes)
    splat = _load("stored.as_stored")(gaussians)
    with _load("columns.any_values")():
        if not found.fixed_axes:
            splat, provenance = _load("metadata.to_axes")(splat, provenance, axes)
        _load(found.writer)(path, splat, provenance)


def read_metadata(path: str | PathLike[str]) -> Mapping[str, str]:
    """The metadata of a complete splat file, without its Gaussians; nothing for other tools' files.

    Raises:
        SharpError: an unknown suffix, or an incomplete file.
    """
    found = format_of(path)
    if found is None:
        raise SharpError(f"cannot read {fspath(path)}: {_unknown(path)} (sharp reads {known_suffixes('reader')})")
    metadata: Mapping[str, str] = _load(found.metadata or "metadata.read_record")(Path(path))
    return metadata


def keeps_record(path: str | PathLike[str]) -> bool:
    """Whether the format of this name has no room for metadata, so that they are written beside the file."""
    found = format_of(path)
    return found is not None and found.writer is not None and found.metadata is None


def record_path(path: Path) -> Path:
    """Where the record beside a file lies."""
    return path.with_name(f"{path.name}.json")


def format_of(path: str | PathLike[str]) -> SplatFormat | None:
    """The format that a file's suffix names; None for an unknown one."""
    name = fspath(path).lower()
    return next((known for known in FORMATS if name.endswith(known.suffix)), None)


def can_read(path: str | PathLike[str]) -> bool:
    """Whether a file's suffix names a format that can be read."""
    found = format_of(path)
    return found is not None and found.reader is not None


def known_suffixes(able: str) -> str:
    """The suffixes of all formats that have a ``reader`` or a ``writer``, as a list for people."""
    return ", ".join(known.suffix for known in FORMATS if getattr(known, able))


def _unknown(path: str | PathLike[str]) -> str:
    name = fspath(path).replace("\\", "/").rpartition("/")[2]
    _, dot, suffix = name.rpartition(".")
    return f"unsupported splat format .{suffix}" if dot else "the name has no suffix"


def _load(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(".")
    loaded: Callable[..., Any] = getattr(import_module(f"sharp_cli.formats.{module}"), name)
    return loaded
