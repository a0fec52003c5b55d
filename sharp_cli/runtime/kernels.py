"""How kernels for CPUs are compiled, and how they share the processor's cores.

Kernels are plain loops over a range, compiled by numba without the interpreter lock, and run on Python threads.
That costs a tenth of the compile time of numba's own threading, takes turns by itself where work is uneven, and
is safe in any thread and after a fork. Every kernel writes only what belongs to its range, so results do not depend
on the timing or number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, cast

import torch
from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile ``function`` with numba on its first call; the machine code is kept on disk for later runs.

    It is kept beside the source file, or in the user's cache folder where that is read-only; ``NUMBA_CACHE_DIR`` names
    another place. Multiplications and additions may be fused, but sums are never reordered.
    """
    return compiled(function, fastmath={"contract"})


def exact_kernel(function: F) -> F:
    """As :func:`kernel`, with nothing fused: every bit is what numpy and torch would make of the same steps."""
    return compiled(function, fastmath=False)


def inlined(function: F) -> F:
    """A kernel that becomes part of its callers: a loop that calls anything cannot be vectorised."""
    return cast(F, njit(nogil=True, fastmath={"contract"}, error_model="numpy", forceinline=True)(function))


def for_chunks(function: Callable[..., None], count: int, size: int, *arguments: Any) -> None:
    """Call ``function(start, stop, *arguments)`` for consecutive ranges of ``size`` within [0, count).

    The calls run on as many threads as torch uses (:func:`torch.set_num_threads`).
    """
    starts = range(0, count, size)
    threads = min(torch.get_num_threads(), len(starts))
    if threads <= 1:
        for start in starts:
            function(start, min(start + size, count), *arguments)
        return
    with ThreadPoolExecutor(threads) as pool:
        calls = [pool.submit(function, start, min(start + size, count), *arguments) for start in starts]
        for call in calls:
            call.result()


def compiled(function: F, **options: Any) -> F:
    """Compile as all kernels are, with further options of numba's ``njit``."""
    compiling = partial(njit, nogil=True, error_model="numpy", **options)
    try:
        return cast(F, compiling(cache=True)(function))
    except RuntimeError:  # there is no folder to keep machine code in
        return cast(F, compiling()(function))
