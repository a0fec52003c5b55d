"""Text that any terminal can show."""

from __future__ import annotations

import sys


def plain(text: str) -> str:
    """The text with escapes for control characters and bytes that are not text, which break lines and terminals."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def echo(text: str) -> None:
    """Print a line to stdout. Control characters are escaped, and so are those that its encoding lacks."""
    sys.stdout.write(plain(text) + "\n")
