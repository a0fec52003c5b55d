"""Machine code of kernels, kept on disk between runs.

numba's own cache has two faults here. It looks at the kernel's source file only, although constants and inlined
functions of other files are compiled in: after an edit there, old machine code would render wrong pictures. And a
damaged file in it raises an exception in every later run. This cache stamps all the source files that a kernel can
depend on, and whatever goes wrong with it costs nothing but the time to compile again.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

from sharp_cli.runtime.files import atomic_write
from sharp_cli.runtime.user_folders import user_folder

IMPORT = re.compile(r"^(?:from|import)\s+([\w.]+)(?:\s+import\s+(\([^)]*\)|.*))?", re.MULTILINE)
"""An import at the top level of a module: the constants and functions that kernels use come from nowhere else."""

DIGEST_BYTES = hashlib.sha256().digest_size


class KernelCache(FunctionCache):
    """numba's cache of one kernel, with other files and without exceptions.

    The files lie in ``__pycache__`` beside the source, in the user's cache folder if that is read-only, or in
    ``NUMBA_CACHE_DIR``.
    """

    @classmethod
    def attach(cls, dispatcher: Any) -> None:
        """Let a compiled function use this cache; it stays without one if there is no folder for it."""
        if not _has_folder(Path(dispatcher.py_func.__code__.co_filename).parent):
            return
        with suppress(RuntimeError, OSError):
            dispatcher._cache = cls(dispatcher.py_func)

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        stamp = sources_digest(function.__module__) + numba.__version__.encode()
        self._cache_file: Any = _CodeFiles(Path(self._cache_path), self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code for a signature; None if there is none that can be used."""
        with suppress(Exception):  # of damaged files, other versions, closed folders: compile instead
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code if that is possible."""
        with suppress(Exception):  # of a full disk, a read-only folder: compile again next time
            super().save_overload(sig, data)


def _has_folder(sources: Path) -> bool:
    """Whether there is a folder for the cache of source files in this one.

    For a user without a home folder, numba would make one that is called ``~`` in the working folder.
    """
    beside = sources / "__pycache__"
    return bool(
        os.environ.get("NUMBA_CACHE_DIR")
        or user_folder("cache")
        or os.access(beside if beside.exists() else sources, os.W_OK)
    )


class _CodeFiles:
    """One file per signature, in the place of numba's index and data files.

    A file begins with a digest of the stamp (source files, numba's version) and of its own content, so that one
    comparison finds stale, foreign and damaged files.
    """

    def __init__(self, folder: Path, name: str, stamp: bytes) -> None:
        self._folder, self._name, self._stamp = folder, name, stamp

    def load(self, key: Any) -> Any:
        """What was saved for ``key``, or None."""
        path = self._path(key)
        if not path.is_file():
            return None
        content = path.read_bytes()
        digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if digest != self._digest(payload):
            return None
        saved_key, data = pickle.loads(payload)
        return data if saved_key == key else None

    def save(self, key: Any, data: Any) -> None:
        """Write ``data`` for ``key``; the file appears complete or not at all."""
        payload = dumps((key, data))
        with atomic_write(self._path(key), durable=False) as temporary:
            temporary.write_bytes(self._digest(payload) + payload)

    def flush(self) -> None:
        """Forget everything."""
        for path in self._folder.glob(f"{self._name}.*.kernel"):
            path.unlink()

    def _path(self, key: Any) -> Path:
        signature, target, _ = key  # the rest are hashes of the function, which the stamp covers
        place = hashlib.sha256(f"{signature} {target}".encode()).hexdigest()[:16]
        return self._folder / f"{self._name}.{place}.kernel"

    def _digest(self, payload: bytes) -> bytes:
        return hashlib.sha256(self._stamp + payload).digest()


def sources_digest(module: str) -> bytes:
    """A digest of a module's source and of all sources of its package that it imports, directly or not."""
    todo, sources = [module], dict[str, bytes]()
    while todo:
        name = todo.pop()
        if name not in sources and (path := _source_file(name)) is not None:
            sources[name], imported = _read_source(path, name.partition(".")[0])
            if not name.startswith(f"{__package__}."):  # how kernels are compiled counts; what that stands on does not
                todo += imported
    digest = hashlib.sha256()
    for name, content in sorted(sources.items()):
        digest.update(name.encode() + content)
    return digest.digest()


def _source_file(module: str) -> Path | None:
    """Where a module's source is, whether it is loaded or not; None if it is not a file."""
    root, *rest = module.split(".")
    top = getattr(sys.modules.get(root), "__file__", None)
    if top is None:
        return None
    if not rest:
        return Path(top)
    path = Path(top).parent.joinpath(*rest)
    candidates = [path.with_name(f"{path.name}.py"), path / "__init__.py"]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


@cache
def _read_source(path: Path, root: str) -> tuple[bytes, list[str]]:
    """The digest of a source file, and what it may import from the package ``root``: modules, and names in them."""
    content = path.read_bytes()
    imported = []
    for module, names in IMPORT.findall(content.decode()):
        if module.partition(".")[0] == root:
            imported += [module, *(f"{module}.{name}" for name in re.findall(r"\w+", names))]
    return hashlib.sha256(content).digest(), imported
