"""Compiled kernels for CPUs, and how they share the processor's cores.

Kernels are plain loops over a range. numba compiles them without the interpreter lock, and they run on Python threads.
That costs a tenth of the compile time of numba's own threading, balances uneven work by itself, and is safe in any
thread and after a fork. A kernel writes only what belongs to its range, so results do not depend on the number of
threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, cast

import torch
from numba import njit

from sharp_cli.runtime.kernel_cache import KernelCache

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile ``function`` with numba on its first call; later runs load the machine code from disk.

    Multiplications and additions may be fused, but sums are never reordered.
    """
    return compiled(function, fastmath={"contract"})


def exact_kernel(function: F) -> F:
    """Compile like :func:`kernel` with nothing fused: every bit is what NumPy and torch compute in the same steps."""
    return compiled(function, fastmath=False)


def inlined(function: F) -> F:
    """Compile ``function`` into its callers: the compiler cannot vectorize a loop that calls anything.

    Helpers of inner loops that take arrays should be inlined, and best be given numbers instead: around every other
    call numba counts the references to each array, in a place in memory that all threads then fight for.
    """
    return compiled(function, fastmath={"contract"}, forceinline=True, cached=False)


def compiled(function: F, *, cached: bool = True, **options: Any) -> F:
    """Compile as all kernels are compiled, with further options of numba's ``njit``.

    Args:
        cached: whether to keep the machine code on disk (see :class:`~sharp_cli.runtime.kernel_cache.KernelCache`).
    """
    dispatcher: Any = njit(nogil=True, error_model="numpy", **options)(function)
    if cached:
        KernelCache.attach(dispatcher)
    return cast(F, dispatcher)


def for_chunks(function: Callable[..., None], count: int, size: int, *arguments: Any) -> None:
    """Call ``function(start, stop, *arguments)`` for consecutive ranges of ``size`` within [0, count).

    The calls run on as many threads as torch uses (:func:`torch.set_num_threads`). The first exception of a call is
    raised here.
    """
    starts = range(0, count, size)
    call = partial(_call_range, function, count, size, arguments)
    threads = min(torch.get_num_threads(), len(starts))
    if threads <= 1:
        for start in starts:
            call(start)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(call, starts):
            pass


def _call_range(function: Callable[..., None], count: int, size: int, arguments: tuple[Any, ...], start: int) -> None:
    function(start, min(start + size, count), *arguments)
