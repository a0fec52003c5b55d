"""The digest of a large file, read beside other work."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Lock

from sharp_cli.runtime.files import sha256_of


class Digest:
    """A file's sha256, which a thread may read while other work goes on."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._sha256 = ""

    def run(self) -> None:
        with suppress(Exception):  # raised again for those who need the result
            self.result()

    def result(self) -> str:
        with self._lock:
            self._sha256 = self._sha256 or sha256_of(self._path).hexdigest()
        return self._sha256
