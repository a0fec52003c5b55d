"""How kernels are compiled, cached and shared among threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from numba.core import config

from sharp_cli.runtime import kernel_cache
from sharp_cli.runtime.kernels import for_chunks, kernel

CONSTANTS = "FACTOR = {}\n"
INNER = """
from sharp_cli.runtime.kernels import inlined
from kernels_under_test.constants import (
    FACTOR,
)

@inlined
def scaled(x):
    return FACTOR * x
"""
OUTER = """
from sharp_cli.runtime.kernels import kernel
from kernels_under_test import inner

scaled = inner.scaled

@kernel
def scaled_twice(x):
    return scaled(scaled(x))
"""


class Package:
    """A package whose kernel inlines a function of a second file, which uses a constant of a third."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "kernels_under_test"
        self.folder.mkdir()
        self.edit("__init__", "")
        self.edit("constants", CONSTANTS.format(3))
        self.edit("inner", INNER)
        self.edit("outer", OUTER)

    def edit(self, module: str, source: str) -> None:
        (self.folder / f"{module}.py").write_text(source)

    def load(self) -> ModuleType:
        """The module with the kernel, as a new process imports it."""
        for name in [name for name in sys.modules if name.startswith("kernels_under_test")]:
            del sys.modules[name]
        kernel_cache._read_source.cache_clear()
        __import__("kernels_under_test.outer")
        return sys.modules["kernels_under_test.outer"]

    def cached(self) -> list[Path]:
        return sorted(self.folder.glob("__pycache__/*.kernel"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(config, "CACHE_DIR", "")
    yield Package(tmp_path)
    for name in [name for name in sys.modules if name.startswith("kernels_under_test")]:
        del sys.modules[name]


def hits(module: ModuleType) -> int:
    """How many signatures of the kernel came from the cache."""
    return sum(module.scaled_twice.stats.cache_hits.values())


def test_machine_code_is_loaded_again(package: Package) -> None:
    assert package.load().scaled_twice(2.0) == 18
    assert len(package.cached()) == 1
    again = package.load()
    assert again.scaled_twice(2.0) == 18
    assert hits(again) == 1


def test_an_edited_constant_of_an_inlined_function_counts(package: Package) -> None:
    package.load().scaled_twice(2.0)
    package.edit("constants", CONSTANTS.format(5))
    edited = package.load()
    assert edited.scaled_twice(2.0) == 50
    assert hits(edited) == 0
    assert len(package.cached()) == 1, "the stale file is replaced"


def test_unrelated_files_do_not_count(package: Package) -> None:
    package.load().scaled_twice(2.0)
    package.edit("unrelated", "X = 1\n")
    again = package.load()
    again.scaled_twice(2.0)
    assert hits(again) == 1


@pytest.mark.parametrize("damage", ["empty", "cut off", "one bit", "other content"])
def test_a_damaged_cache_is_only_slower(package: Package, damage: str) -> None:
    package.load().scaled_twice(2.0)
    (path,) = package.cached()
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "empty": b"",
        "cut off": content[:-100],
        "one bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "other content": b"not a kernel" * 50,
    }
    path.write_bytes(damaged[damage])
    module = package.load()
    assert module.scaled_twice(2.0) == 18
    assert hits(module) == 0
    repaired = package.load()
    repaired.scaled_twice(2.0)
    assert hits(repaired) == 1


def test_a_cache_that_cannot_be_written_is_only_slower(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel_cache, "atomic_write", full)
    assert package.load().scaled_twice(2.0) == 18
    assert package.cached() == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_closed_later_is_only_slower(package: Package) -> None:
    module = package.load()
    folder = package.folder / "__pycache__"
    folder.chmod(0o500)
    try:
        assert module.scaled_twice(2.0) == 18
    finally:
        folder.chmod(0o700)


def test_a_file_in_place_of_the_folder_is_only_slower(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    (package.folder / "__pycache__").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(package.folder / "__pycache__"))
    assert package.load().scaled_twice(2.0) == 18


def test_kernels_compile_if_nothing_can_be_cached() -> None:
    namespace: dict = {}
    exec("def double(x):\n    return 2 * x", namespace)  # there is no source file
    assert kernel(namespace["double"])(21) == 42


def test_an_error_in_a_chunk_reaches_the_caller() -> None:
    def fail(start: int, stop: int) -> None:
        if start == 6:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        for_chunks(fail, 10, 2)
