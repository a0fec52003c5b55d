"""Memory: how an exhausted one shows, and keeping what is freed for long work on CPUs."""

from __future__ import annotations

import ctypes
import errno
import gc
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sharp_cli.errors import SharpError

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8
"""Options of glibc's ``mallopt``; in malloc.h their names begin with M_."""


SIGNS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",
    "alloc_failed",  # CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED
    "invalid buffer size",  # Metal
    "failed to map segment",  # the dynamic linker
    "can't start new thread",
    "could not create a primitive",  # oneDNN
    "could not create a memory object",
)
"""What errors say when memory is exhausted, in lower case. Python, torch, CUDA, Metal and the linker have no common
type for it."""

PROBE_BYTES = 1 << 28
"""Address space that a healthy process can always get."""

OTHER_FAULTS = ("static tls", "primitive descriptor")
"""Faults in nearly the same words: too many libraries with thread-local data, an operation that oneDNN lacks."""


@contextmanager
def no_collections() -> Iterator[None]:
    """Make many objects that stay, without a search for cycles among all of them after every few hundred."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the memory of this machine or of a device is exhausted."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    text = str(error).lower()
    return (
        isinstance(error, RuntimeError | ImportError | OSError)
        and any(sign in text for sign in SIGNS)
        and not any(other in text for other in OTHER_FAULTS)
    )


def may_be_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error that nobody expects comes from exhausted memory.

    Libraries that run out of it while they are imported go on half loaded, and fail later in any way. So the errors
    before this one count, and whether there is memory now.
    """
    while error is not None:
        if is_out_of_memory(error):
            return True
        error = error.__cause__ or error.__context__
    try:
        mmap.mmap(-1, PROBE_BYTES).close()
    except (OSError, ValueError, MemoryError):
        return True
    return False


@contextmanager
def memory_for(purpose: str) -> Iterator[None]:
    """Within the block, turn errors of an exhausted memory into one that names what the memory was for.

    Raises:
        SharpError: ``out_of_memory``.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise SharpError(f"not enough memory for {purpose} (close other programs)", "out_of_memory") from error


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next allocation, from now on; do nothing with other C libraries.

    By default it returns every large tensor to the system, and a training step or a photo frees gigabytes of them.
    Getting that memory again, page by page, took a third of a small network's time.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    for option, value in ((MMAP_MAX, 0), (ARENA_MAX, 1), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 1 << 27)):
        mallopt(option, value)
