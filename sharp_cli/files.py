"""Writing a file so that nobody ever sees half of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to, then rename it.

    Whatever stood at ``path`` stays until the new file is complete; after an exception, Ctrl-C
    included, the temporary file is removed. The folder is made if it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".sharp-{secrets.token_hex(6)}.part"
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
