"""Lists of files from other programs, on standard input."""

from __future__ import annotations

import codecs
import os
import re

from sharp_cli.errors import SharpError

BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

CONTROL = bytes(code for code in range(1, 32) if code not in b"\t\n\r\x1b")
"""Bytes that binary files are full of, and that few names hold."""


def parse_list(data: bytes) -> list[str]:
    """The names in a list: one per line (LF, CRLF or CR), or separated by zero bytes (``find -print0``).

    UTF-8 and UTF-16 with a byte order mark are decoded, as PowerShell writes them. Without a mark, bytes that are not
    text become surrogates, as in any file name of Python's.

    Raises:
        SharpError: the data is not a list. Nothing that was not named is ever touched, so a doubtful list is refused.
    """
    for mark, encoding in BOMS.items():
        if data.startswith(mark):
            try:
                return _lines(data.removeprefix(mark).decode(encoding))
            except UnicodeDecodeError as error:
                raise SharpError(f"the list on standard input is not valid {encoding.upper()}", "usage") from error
    if _is_binary(data):
        raise SharpError("standard input is not a list of files (write one name per line, in UTF-8)", "usage")
    if b"\0" in data:
        return [os.fsdecode(name) for name in data.split(b"\0") if name]
    return [os.fsdecode(name) for name in re.split(rb"\r\n|\n|\r", data) if name]


def _lines(text: str) -> list[str]:
    if "\0" in text:
        return [name for name in text.split("\0") if name]
    return [name for name in re.split("\r\n|\n|\r", text) if name]


def _is_binary(data: bytes) -> bool:
    """Whether this is a picture or the like, or UTF-16 without its mark, in which every other byte is zero."""
    controls = len(data) - len(data.translate(None, CONTROL))
    names = data.split(b"\0")
    single = sum(len(name) <= 1 for name in names[:-1])
    return b"\0\0" in data or 20 * controls > len(data) or (len(names) > 3 and 2 * single > len(names))
