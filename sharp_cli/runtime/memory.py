"""Memory: how an exhausted one shows, and keeping what is freed for long work on CPUs."""

from __future__ import annotations

import ctypes
import errno
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
)
"""What errors say when memory is exhausted, in lower case. Python, torch, CUDA, Metal and the linker have no common
type for it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the memory of this machine or of a device is exhausted."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    text = str(error).lower()
    # Too many libraries with thread-local data is another fault, in nearly the same words.
    return (
        isinstance(error, RuntimeError | ImportError | OSError)
        and any(sign in text for sign in SIGNS)
        and "static tls" not in text
    )


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
