"""Text that any terminal can show."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text with escapes for what would break a line or a terminal: control characters, bytes that are no text."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
