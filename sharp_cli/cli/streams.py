"""Standard streams that may be missing, full, or of an encoding that lacks characters."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Any

from sharp_cli.errors import SharpError

STDIN = STDOUT = "-"
"""In place of a file's name."""


def is_stdout(path: Path | None) -> bool:
    """Whether a file that was asked for means stdout."""
    return path is not None and str(path) == STDOUT


def prepare_streams() -> None:
    """Make the standard streams safe to use.

    A closed stream becomes the null device. Characters that an output's encoding lacks are escaped. An output that is
    full drops what comes: a full disk under a log does not stop the work, and :func:`check_stdout` reports one under
    a result at the end.
    """
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            null = Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, null)
        elif name != "stdin" and stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _dropping(stream))


def check_stdout() -> None:
    """Check that everything that was printed to stdout has arrived.

    Raises:
        SharpError: it has not.
    """
    file = getattr(sys.stdout, "buffer", None)
    if isinstance(file, _Dropping) and file.problem:
        raise SharpError(f"cannot write to standard output: {file.problem.strerror}") from file.problem


class _Dropping(io.FileIO):
    """A file that drops what it cannot write, and remembers why. Only a reader that is gone raises, to end early."""

    problem: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while len(left):
                written = super().write(left)  # a part, if a signal came; None, if a pipe that must not wait is full
                if written is None:
                    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                left = left[written:]
        except BrokenPipeError:
            raise
        except OSError as error:
            self.problem = error
        return size


def _dropping(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    stream.flush()
    file: Any = _Dropping(stream.fileno(), "w", closefd=False)
    errors = "backslashreplace" if stream.errors == "strict" else stream.errors
    return io.TextIOWrapper(file, stream.encoding, errors, write_through=True)
