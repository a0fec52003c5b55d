"""What a result says of its own making, and what follows for a job that would put one in its place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from sharp_cli.batch.pipeline import Done
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import holds, sha256_of

SOURCE, FOLDER, DIGEST, SETTINGS = "source", "source_folder", "source_sha256", "settings"

HEAD_BYTES, TAIL_BYTES = 1 << 22, 1 << 16
"""Where in a damaged file its marks are looked for."""

FIRST_FRAME = "frame_00000.png"

ReadFacts = Callable[[Path], Mapping[str, str]]
"""Reads the facts of a complete result; SharpError where there is none."""


def make_marks(source: Path, digest: str, settings: Mapping[str, object]) -> dict[str, str]:
    """Facts for a result: the name and sha256 of what it is made from, and all that decides what it becomes."""
    told = " ".join(f"{key}={value}" for key, value in settings.items())
    return {SOURCE: _name(source), FOLDER: _folder(source), DIGEST: digest, SETTINGS: told}


def is_free(target: Path, source: Path, read_facts: ReadFacts) -> bool:
    """Whether a name can be given to the result of ``source``: no result of another input stands there.

    An input of the same name from another folder is another one, unless it has the same content.
    """
    try:
        facts = read_facts(target)
    except SharpError:  # nothing, or nothing of ours
        return True
    if facts.get(SOURCE, _name(source)) != _name(source):
        return False
    if facts.get(FOLDER, _folder(source)) == _folder(source):
        return True
    return holds(source.is_file) and facts.get(DIGEST) == sha256_of(source).hexdigest()


def check_result(path: Path, marks: Mapping[str, str], read_facts: ReadFacts) -> None:
    """Decide about what stands where a result is to go: nothing, what is empty, and half a result may be replaced.

    Raises:
        Done: it is the result with these marks, complete.
        SharpError: it was not made by this tool.
    """
    if _is_nothing(path):
        return
    try:
        facts = read_facts(path)
    except SharpError:
        ours = is_marked(path)
    else:
        ours = DIGEST in facts
        if marks and all(facts.get(key) == marks[key] for key in (SOURCE, DIGEST, SETTINGS)):
            raise Done
    if not ours:
        raise SharpError(f"{path} exists and was not made by sharp", "exists")


def check_place(path: Path) -> None:
    """Refuse a place that no file can be written to, before the work for it is done.

    Raises:
        SharpError: it is a folder or below a file, or its folder may not be written.
    """
    if holds(path.is_dir):
        raise SharpError(f"{path} is a folder, so no file of that name can be written.")
    folder = path.absolute().parent
    while not holds(folder.exists) and folder != folder.parent:
        folder = folder.parent
    if not holds(folder.is_dir):
        raise SharpError(f"{path} cannot be written: {folder} is no folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SharpError(f"{path} cannot be written: {folder} is read-only.")


def is_marked(path: Path) -> bool:
    """Whether a file, or the first frame in a folder, bears marks, however damaged it is."""
    try:
        with (path / FIRST_FRAME if holds(path.is_dir) else path).open("rb") as file:
            content = file.read(HEAD_BYTES)
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            return DIGEST.encode() in content + file.read()
    except OSError:
        return False


def is_picture_of_ours(path: Path) -> bool:
    """Whether a picture found among photos is a film that this tool made, or a frame of one."""
    if path.name.startswith("frame_") and path.suffix == ".png":
        return is_marked(path.parent)
    return path.suffix.lower() in (".gif", ".webp") and is_marked(path)


def _is_nothing(path: Path) -> bool:
    try:
        return not any(path.iterdir()) if holds(path.is_dir) else path.stat().st_size == 0
    except OSError:
        return not holds(path.exists)


def _name(source: Path) -> str:
    """A file's name in plain ASCII without spaces, as any file's comments can hold it."""
    return quote(os.fsencode(source.name))


def _folder(source: Path) -> str:
    """Tells folders apart without naming them."""
    return hashlib.sha256(os.fsencode(source.absolute().parent)).hexdigest()[:12]
