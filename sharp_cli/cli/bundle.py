"""What a bug report needs, in one file: the command, the failure, and what ``sharp doctor`` finds."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sharp_cli.cli.display.plain import plain


def write_bundle(traces: list[str], words: list[str] | None = None) -> str:
    """Write a text file into the system's folder for temporary files, and say where it is.

    Args:
        traces: tracebacks.
        words: the command line; None takes the process's own.
    """
    from sharp_cli.doctor import examine

    findings = [finding._asdict() for finding in examine()]
    command = shlex.join(sys.argv[1:] if words is None else words)
    now = datetime.now(UTC)
    parts = [
        f"sharp {plain(command)}",
        now.isoformat(timespec="seconds"),
        *traces,
        json.dumps(findings, indent=2),
    ]
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", prefix=f"sharp-{now:%Y%m%d}-", suffix=".txt", delete=False
        ) as file:
            file.write("\n\n".join(parts) + "\n")
    except OSError as error:
        return f"cannot write a file for bug reports: {error.strerror or error}"
    return f"for a bug report: {Path(file.name)} (the failure and `sharp doctor`; read it before you share it)"
