"""Text that any terminal can show."""

from __future__ import annotations

import sys


def plain(text: str) -> str:
    """The text with escapes for control characters and bytes that are not text, which break lines and terminals."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def echo(text: str) -> None:
    """Print a line to stdout in whatever encoding it has; characters that the encoding lacks are escaped."""
    line = plain(text) + "\n"
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding))
