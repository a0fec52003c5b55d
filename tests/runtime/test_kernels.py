"""How kernels are compiled and shared among threads."""

from __future__ import annotations

import pytest

from sharp_cli.runtime.kernels import for_chunks, kernel


def test_kernels_compile_where_nothing_can_be_cached() -> None:
    namespace: dict = {}
    exec("def double(x):\n    return 2 * x", namespace)  # has no source file to cache beside
    assert kernel(namespace["double"])(21) == 42


def test_an_error_in_a_chunk_reaches_the_caller() -> None:
    def fail(start: int, stop: int) -> None:
        if start == 6:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        for_chunks(fail, 10, 2)
