"""Memory that stays with the process, for long work on CPUs."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8
"""Options of glibc's ``mallopt``; in malloc.h their names begin with M_."""


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
