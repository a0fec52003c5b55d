"""Checks of a file that torch saved before torch reads it: its work and memory are bounded by the file's own size."""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path

from sharp_cli.errors import SharpError

MOST_PICKLE_BYTES = 1 << 20
"""Of one pickle; tensors lie outside it, and 1,000 of them need about 100 kB."""
LEGACY_PICKLES = 5
"""Before the tensors of a file in torch's format before 1.6: magic number, version, system, state dict, keys."""


def check_pickle(path: Path, is_zip: bool) -> None:
    """Refuse a file that would unpack to more than it is, or whose pickle is far larger than a state dict's.

    Raises:
        SharpError: with the reason.
        OSError: the file cannot be read.
    """
    if is_zip:
        _check_zip(path)
    else:
        _check_legacy(path)


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise damaged(path) from error
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise SharpError(f"cannot read {path}: the file is compressed, and torch saves without compression")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise damaged(path)
    if any(member.file_size > MOST_PICKLE_BYTES for member in members if member.filename.endswith("data.pkl")):
        raise _too_large(path)


def _check_legacy(path: Path) -> None:
    """Walk through the pickles at the start of the file without running them."""
    with path.open("rb") as file:
        content = io.BytesIO(file.read(LEGACY_PICKLES * MOST_PICKLE_BYTES))
    for _ in range(LEGACY_PICKLES):
        start = content.tell()
        try:
            for _, _, at in pickletools.genops(content):
                if at is not None and at - start > MOST_PICKLE_BYTES:
                    raise _too_large(path)
        except Exception as error:  # pickletools raises whatever its readers of single values meet
            if isinstance(error, SharpError):
                raise
            raise damaged(path) from error


def _too_large(path: Path) -> SharpError:
    limit = MOST_PICKLE_BYTES >> 20
    return SharpError(f"cannot read {path}: its pickle is larger than {limit} MB, more than named tensors need")


def damaged(path: Path) -> SharpError:
    """The error for a file that torch cannot have saved."""
    return SharpError(
        f"cannot read {path}: truncated, damaged or not a file that torch saved (download or copy it again)"
    )
