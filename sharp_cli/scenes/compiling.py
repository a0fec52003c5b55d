"""Compiled kernels of the ray tracer: like the rasterizer's, but without reference counts.

The kernels hand a scene's arrays from one to the next many times per ray and allocate nothing. Counting references to
them, atomically, would take most of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sharp_cli.runtime.kernels import compiled

F = TypeVar("F", bound=Callable[..., Any])

_compiled = partial(compiled, fastmath={"contract", "arcp", "nsz"}, _nrt=False)


def kernel(function: F) -> F:
    """Compile ``function`` on its first call; see :func:`sharp_cli.runtime.kernels.kernel`."""
    return _compiled(function)


def inlined(function: F) -> F:
    """Compile ``function`` into its callers: a call would copy the scene's fifty pointers and sizes.

    Every caller compiles it again, so large functions with several callers stay plain kernels.
    """
    return _compiled(function, forceinline=True)
