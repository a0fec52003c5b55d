"""What a run writes beside its results: its record, cameras, sheets. None of them may replace anything else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from sharp_cli.batch.provenance import check_place
from sharp_cli.batch.targets import comparable
from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import keeps_record, record_path
from sharp_cli.runtime.files import holds

RECORD_START = re.compile(rb'\s*\{\s*"sharp": "[^"]*",\s*"command": "')
"""How records of runs begin, of batches and evaluations."""


def is_run_record(path: Path) -> bool:
    """Whether a file is the record of an earlier run, or empty."""
    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except (OSError, ValueError):
        return False
    return not start or RECORD_START.match(start) is not None


def check_side_output(
    path: Path,
    *,
    outputs: Iterable[Path] = (),
    inputs: Iterable[Path] = (),
    overwrite: bool = False,
    may_replace: Callable[[Path], bool] = is_run_record,
) -> None:
    """Refuse to write a side output over an input, a result, or a file of another kind.

    Paths are compared as the file system sees them: through links, ``..`` and other spellings.

    Args:
        outputs: files and folders that the run writes.
        inputs: files that the run reads.
        overwrite: whether files of other kinds may be replaced; inputs and results never are.
        may_replace: whether an older file is of the kind that is written.

    Raises:
        SharpError: ``usage``: inputs, results, or no place for a file; ``exists``: a file of another kind.
    """
    try:
        check_place(path)
    except SharpError as error:
        raise SharpError(str(error), "usage") from error
    real_folder = cache(os.path.realpath)

    def key(other: Path) -> str:
        text = str(other)
        if os.path.islink(text) or other.name in ("", ".."):  # noqa: PTH114  there may be a million
            return comparable(os.path.realpath(text))
        folder, name = os.path.split(text)
        return comparable(os.path.join(real_folder(folder), name))  # noqa: PTH118

    own = Path(os.path.realpath(path))
    mine, above = comparable(own), {comparable(folder) for folder in own.parents}
    exists = holds(path.exists)
    status = path.stat() if exists else None
    folders: set[str] = set()
    for output in outputs:
        other = key(output)
        if other == mine or other in above or (keeps_record(output) and key(record_path(output)) == mine):
            raise SharpError(f"cannot write {path}: a result goes there", "usage")
        folders.add(os.path.split(output)[0])
    if any(mine in (key(each), *map(comparable, Path(key(each)).parents)) for each in map(Path, folders)):
        raise SharpError(f"cannot write {path}: results go into a folder of this name", "usage")
    for source in inputs:
        if key(source) == mine or (status and _is_file(source, status)):
            raise SharpError(f"cannot write {path}: it is an input", "usage")
    if exists and not overwrite and not may_replace(path):
        raise SharpError(f"{path} exists and is not a record of an earlier run", "exists")


def _is_file(path: Path, status: os.stat_result) -> bool:
    """Whether a path leads to the file of this status."""
    return holds(lambda: os.path.samestat(path.stat(), status))
