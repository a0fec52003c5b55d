"""How the tracing kernels are compiled: as the rasterizer's, but without counting references."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from sharp_cli.runtime.kernels import compiled

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile ``function`` with numba on its first call; see :func:`sharp_cli.runtime.kernels.kernel`.

    These kernels hand a scene's arrays from one to the next many times a ray and allocate nothing. Counting references
    to them, atomically, would take most of the time.
    """
    return _compiled(function, inline=False)


def inlined(function: F) -> F:
    """A kernel that becomes part of its callers: a call would copy the scene's fifty pointers and sizes.

    Every caller compiles it anew, so the large ones with several callers stay plain kernels.
    """
    return _compiled(function, inline=True)


def _compiled(function: F, inline: bool) -> F:
    dispatcher: Any = compiled(function, fastmath={"contract", "arcp", "nsz"}, _nrt=False, forceinline=inline)
    # numba looks at the function's own file only, yet what other files define is compiled in
    with suppress(AttributeError):  # without a folder to keep machine code in there is no such file
        dispatcher._cache._cache_file._source_stamp = _stamp()
    return cast(F, dispatcher)


@lru_cache(maxsize=1)
def _stamp() -> tuple[tuple[str, float, int], ...]:
    files = [(path.name, path.stat()) for path in sorted(Path(__file__).parent.glob("*.py"))]
    return tuple((name, stat.st_mtime, stat.st_size) for name, stat in files)
