"""Files and folders that appear complete or not at all, cleanup after killed runs, and content hashes."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
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
"""Called now and then with the bytes done and the total."""

PREFIX, SUFFIX = ".sharp-", ".part"

DISK_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}

NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""What file systems answer that cannot do it."""


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to, then rename it.

    An older file at ``path`` stays until the new one is complete. After an exception, Ctrl-C included, the temporary
    file is removed. Missing folders are created. The temporary file is locked as long as its writer lives, so that
    :func:`remove_leftovers` can recognize the files of dead ones.

    Args:
        durable: whether the file must be complete or absent after a power loss too; caches do without.

    Raises:
        SharpError: ``path`` is a device or a pipe.
        OSError: the folder cannot be created or written.
    """
    path = _resolved(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise SharpError(f"cannot replace {path}: not a regular file (choose another name)")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path.parent, Path.touch) as temporary:
        yield temporary
        if durable:
            sync_file(temporary)
        temporary.replace(path)
        if durable:
            _sync_folder(path.parent)


def _resolved(path: Path) -> Path:
    """Where a path leads: a link stays a link, and its target is replaced."""
    with suppress(RuntimeError):  # of Python 3.12 and older, where a link leads to itself
        target = path.resolve()
        if not target.is_symlink():
            return target
    raise SharpError(f"cannot write {path}: it is a link to itself (delete it, or choose another name)")


@contextmanager
def atomic_folder(path: Path, check_replaceable: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` to fill, then rename it; otherwise like :func:`atomic_write`.

    An older folder at ``path`` stays until the new one is complete, then it is deleted.

    Args:
        check_replaceable: raises if the older folder must not be deleted.
    """
    path = _resolved(path)
    if path.exists():
        check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path.parent, Path.mkdir) as temporary:
        yield temporary
        for file in temporary.iterdir():
            sync_file(file)
        _sync_folder(temporary)
        if path.exists():
            check_replaceable(path)  # again: files may have come in the meantime
            _swap(temporary, path)
        else:
            temporary.rename(path)
        _sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk, so that a name it gets later never stands for less.

    Raises:
        OSError: the content could not be stored.
    """
    with path.open("r+b") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in NO_FSYNC:
                raise


def user_path(path: str | os.PathLike[str]) -> Path:
    """A path as given to a library function, where no shell has replaced ``~`` and ``~name`` by a home folder.

    A file or folder that is really called so comes first; without a home folder the path stays as it is.
    """
    path = Path(path)
    first = path.parts[0] if path.parts else ""
    if first.startswith("~") and not os.path.lexists(first):
        with suppress(RuntimeError):
            return path.expanduser()
    return path


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file; False if either cannot be looked at."""
    return holds(lambda: one.samefile(other))


def holds(question: Callable[[], bool]) -> bool:
    """The answer of ``path.is_dir`` and the like; False if they raise, as for names too long or in a closed folder."""
    try:
        return question()
    except (OSError, ValueError):
        return False


def remove_leftovers(folder: Path) -> int:
    """Delete the temporary files and folders of writers that were killed; return how many.

    Those of living processes stay, and so do those that may not be deleted.
    """
    removed = 0
    for leftover in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError):
            lock = _lock(leftover)
            try:
                _remove(leftover)
            finally:
                _unlock(lock)
            removed += 1
    return removed


@contextmanager
def _temporary(folder: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """A locked temporary file or folder, removed afterward unless it was renamed."""
    while True:
        temporary = folder / f"{PREFIX}{secrets.token_hex(6)}{SUFFIX}"
        make(temporary)
        lock = None
        with suppress(OSError):  # removed by a cleanup already, or a file system without locks
            lock = _lock(temporary)
        if temporary.exists():
            break
        _unlock(lock)
    try:
        yield temporary
    finally:
        with suppress(OSError):
            _remove(temporary)
        _unlock(lock)


def _sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk, where that is possible. Not on Windows."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Lock a file or folder for as long as this process lives; OSError if another one holds the lock."""
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _swap(temporary: Path, path: Path) -> None:
    """Exchange two folders: the old one takes the temporary name, to be deleted."""
    aside = path.parent / f"{PREFIX}{secrets.token_hex(6)}{SUFFIX}"
    path.rename(aside)
    try:
        temporary.rename(path)
    except BaseException:
        aside.rename(path)
        raise
    aside.rename(temporary)


def no_progress(done: int, total: int) -> None:
    """Report nothing."""


def sha256_of(path: Path, progress: Progress = no_progress) -> Any:
    """The hashlib object of a file's content, for its ``hexdigest`` or to add more bytes.

    Raises:
        SharpError: the file cannot be read.
    """
    digest, done = hashlib.sha256(), 0
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for somebody to write
            what = "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file"
            raise SharpError(f"cannot read {path}: {what}")
        total = status.st_size
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
                done += len(block)
                progress(done, total)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise SharpError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    return digest
