"""How a result was made, as the result records it, and what follows: whether it is done, and what may be replaced.

A record lives inside its result where the format has room: comments of a .ply header, and the metadata of other splat
formats, GIF, WebP, MP4, PNG and HTML. For .splat and .usdz it is a file beside the result. A record describes one
file. It never becomes part of the Gaussians read from that file, so what is changed and written again does not pass
for the result.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import format_of, keeps_record, read_metadata, record_path
from sharp_cli.runtime.files import holds, sha256_of
from sharp_cli.viewer.metadata import page_metadata

MARK = b"source_sha256"
"""In every record; found in damaged results too."""

HEAD_BYTES, TAIL_BYTES = 1 << 22, 1 << 16
"""Where to look for the mark in a damaged file."""

FIRST_FRAME = "frame_00000.png"


@dataclass(frozen=True)
class Provenance:
    """What a result is made from, and all settings that decide what it becomes."""

    source: str
    """The source's file name in plain ASCII without spaces (percent-encoded)."""
    source_folder: str
    """A digest of the source's folder: tells folders apart without naming them."""
    source_sha256: str
    settings: str
    """``key=value`` words."""
    source_stat: str = ""
    """Size, modification time and change time of the source [ns]. If they are the same, so is the content, and it
    need not be read again."""
    gaussians: str = ""
    """How many a splat was written with, so that one which other tools have cut is noticed."""

    def facts(self) -> dict[str, str]:
        """The record as results hold it."""
        return {key: value for key, value in vars(self).items() if value}

    def is_of(self, source: Path, settings: str) -> bool:
        """Whether making the result again from this source would change nothing.

        Raises:
            SharpError: the source cannot be read.
        """
        if (self.source, self.settings) != (_name(source), settings) or not holds(source.is_file):
            return False
        return self._has_content_of(source)

    def _has_content_of(self, source: Path) -> bool:
        return self.source_stat == _stat(source) or self.source_sha256 == sha256_of(source).hexdigest()


def make_provenance(source: Path, settings: str) -> Provenance:
    """The record for a result of this source. Reads all of it.

    Raises:
        SharpError: the source cannot be read.
    """
    stat = _stat(source)  # before reading: what changes meanwhile is noticed later
    return Provenance(_name(source), _folder(source), sha256_of(source).hexdigest(), settings, stat)


def settings_text(settings: Mapping[str, object]) -> str:
    """Settings as records hold them."""
    return " ".join(f"{key}={value}" for key, value in settings.items())


def read_provenance(path: Path) -> Provenance | None:
    """The record of a complete result; None if the file is not a result, or was changed since.

    Raises:
        SharpError: the file is incomplete or cannot be read.
    """
    facts = _recorded_facts(path)
    known = {key: facts[key] for key in Provenance.__dataclass_fields__ if key in facts}
    try:
        return Provenance(**known)
    except TypeError:  # a field is missing
        return None


def is_free(target: Path, source: Path) -> bool:
    """Whether a name can be used for the result of ``source``: no result of another source has it.

    A source of the same name in another folder is another source, unless the content is the same.
    """
    if not holds(target.exists):
        return True
    try:
        recorded = read_provenance(target)
    except SharpError:  # nothing of ours
        return True
    if recorded is None:
        return True
    if recorded.source != _name(source):
        return False
    return recorded.source_folder == _folder(source) or (holds(source.is_file) and recorded._has_content_of(source))


def is_done(path: Path, source: Path, settings: str) -> bool:
    """Whether the result of this source with these settings is there, complete.

    Raises:
        SharpError: something else is there that must not be replaced (``exists``). Nothing, an empty file, older
            results and incomplete ones may be.
    """
    _check_record(path)
    if _is_nothing(path):
        return False
    try:
        recorded = read_provenance(path)
    except SharpError:
        if is_marked(path):
            return False
        recorded = None
    if recorded is None:
        raise SharpError(f"{path} exists and was not made by sharp", "exists")
    return recorded.is_of(source, settings)


def _check_record(path: Path) -> None:
    """Refuse to replace a file that stands where the record of a result goes."""
    record = record_path(path)
    if keeps_record(path) and not _is_nothing(record) and not _holds_mark(record):
        raise SharpError(f"{record} exists and was not made by sharp", "exists")


def check_place(path: Path) -> None:
    """Refuse a place where no file can be written, before the work for it is done.

    Raises:
        SharpError: the path is a folder or below a file, or its folder is read-only.
    """
    if holds(path.is_dir):
        raise SharpError(f"cannot write {path}: it is a folder", "exists")
    folder = path.absolute().parent
    while not holds(folder.exists) and folder != folder.parent:
        folder = folder.parent
    if not holds(folder.is_dir):
        raise SharpError(f"cannot write {path}: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SharpError(f"cannot write {path}: {folder} is read-only")


def is_marked(path: Path) -> bool:
    """Whether a file, or the first frame in a folder, holds a record, however damaged the file is."""
    first = path / FIRST_FRAME if holds(path.is_dir) else path
    return any(_holds_mark(file) for file in (first, record_path(path)))


def _holds_mark(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            content = file.read(HEAD_BYTES)
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            return MARK in content + file.read()
    except OSError:
        return False


def _recorded_facts(path: Path) -> Mapping[str, str]:
    """All facts in a result, by its format."""
    suffix = path.suffix.lower()
    if holds(path.is_dir):
        return _film_facts(path, "png")
    if suffix == ".ply":
        return _ply_facts(path)
    if format_of(path):
        return read_metadata(path)
    if suffix in (".html", ".htm"):
        return page_metadata(path)
    return _film_facts(path, suffix[1:]) if suffix in (".mp4", ".gif", ".webp") else {}


def _ply_facts(path: Path) -> Mapping[str, str]:
    from sharp_cli.formats.ply_header import read_header

    header = read_header(path)
    vertices = header.find("vertex")
    recorded = header.facts.get("gaussians")
    if recorded is not None and (vertices is None or recorded != str(vertices.count)):
        return {}
    return header.facts


def _film_facts(path: Path, format: str) -> Mapping[str, str]:
    from sharp_cli.render.encode import read_facts

    return read_facts(path, format)  # type: ignore[arg-type]


def _is_nothing(path: Path) -> bool:
    try:
        return not any(path.iterdir()) if holds(path.is_dir) else path.stat().st_size == 0
    except OSError:
        return not holds(path.exists)


def _name(source: Path) -> str:
    return quote(os.fsencode(source.name))


def _folder(source: Path) -> str:
    return hashlib.sha256(os.fsencode(source.absolute().parent)).hexdigest()[:12]


def _stat(source: Path) -> str:
    try:
        found = source.stat()
    except (OSError, ValueError):
        return "unknown"
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}"
