"""Running ``sharp``: in this process, which is warm, or in one of its own where the process is the point."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Finished(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def sharp(
    *words: object, cwd: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> Finished:
    """Run a command in this process, as :func:`sharp_process` does in another."""
    from sharp_cli.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape", write_through=True) for _ in range(2))
    handlers = {number: signal.getsignal(number) for name in SIGNALS if (number := getattr(signal, name, None))}
    code: object = 0
    surroundings = patch.dict(os.environ, env or {}), patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    with chdir(cwd or "."), redirect_stdout(out), redirect_stderr(err), surroundings[0], surroundings[1]:
        try:
            main(list(map(str, words)))
        except SystemExit as exit:
            code = exit.code or 0
        except Exception:
            traceback.print_exc()
            code = 1
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    for stream in (out, err):
        stream.seek(0)
    return Finished(code if isinstance(code, int) else 1, out.read(), err.read())


def sharp_process(*words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Finished:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "sharp_cli", *map(str, words)]
    environment = {**os.environ, **(env or {})}
    run = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300, env=environment)
    return Finished(run.returncode, run.stdout, run.stderr)
