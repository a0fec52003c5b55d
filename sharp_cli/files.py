"""Files: written so that nobody ever sees half of one, tidied up after a run that was killed, and known by content."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sharp_cli.errors import SharpError

try:
    import fcntl
except ImportError:  # Windows, which refuses to delete a file that is open
    fcntl = None  # type: ignore[assignment]

Progress = Callable[[int, int], None]
"""Told now and then how many bytes are done, and of how many."""

PREFIX, SUFFIX = ".sharp-", ".part"

DISK_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to, then rename it.

    Whatever stood at ``path`` stays until the new file is complete; after an exception, Ctrl-C
    included, the temporary file is removed. The folder is made if it is missing. The temporary file is
    locked for as long as its writer lives, so that :func:`remove_leftovers` can tell it from a dead one's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, lock = _locked_file(path.parent)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def remove_leftovers(folder: Path) -> int:
    """Delete the temporary files of :func:`atomic_write` whose writers were killed; how many there were.

    Files that a living process still writes are left alone, and so is what may not be deleted.
    """
    removed = 0
    for leftover in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError):
            if fcntl is None:
                leftover.unlink()
            else:
                file = os.open(leftover, os.O_RDWR)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    leftover.unlink()
                finally:
                    os.close(file)
            removed += 1
    return removed


def _locked_file(folder: Path) -> tuple[Path, int | None]:
    """A new temporary file, and the descriptor that holds its lock where there are locks."""
    while True:
        temporary = folder / f"{PREFIX}{secrets.token_hex(6)}{SUFFIX}"
        if fcntl is None:
            return temporary, None
        lock = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if temporary.exists():  # no one tidied it away between its making and its locking
            return temporary, lock
        os.close(lock)


def no_progress(done: int, total: int) -> None:
    """For those who do not want to know."""


def sha256_of(path: Path, progress: Progress = no_progress) -> Any:
    """The hashlib object of a file's content, ready for its ``hexdigest`` or for more bytes.

    Raises:
        SharpError: the file cannot be read.
    """
    digest, done = hashlib.sha256(), 0
    try:
        total = path.stat().st_size
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
                done += len(block)
                progress(done, total)
    except OSError as error:
        raise SharpError(f"{path} cannot be read: {error.strerror}.") from error
    return digest
