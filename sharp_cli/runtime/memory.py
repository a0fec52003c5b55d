"""Main memory that stays with the process, for long work on CPUs."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8
"""glibc's names for them, in malloc.h, begin with M_."""


def keep_freed_memory() -> None:
    """Have glibc keep what is freed for the next allocation, from now on; elsewhere do nothing.

    By itself it gives every large tensor back to the system, and a training step or a photo frees gigabytes of them:
    getting them again, page by page, took a third of the time of a small network.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    for option, value in ((MMAP_MAX, 0), (ARENA_MAX, 1), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 1 << 27)):
        mallopt(option, value)
