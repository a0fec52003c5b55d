"""Lists on standard input: every encoding that programs write, and nothing that is not a list."""

from __future__ import annotations

import os

import pytest

from sharp_cli.batch.lists import parse_list
from sharp_cli.errors import SharpError


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"a b.jpg\nc.jpg\r\n\n", ["a b.jpg", "c.jpg"]),
        (b"a\nb.jpg\0c.jpg\0", ["a\nb.jpg", "c.jpg"]),
        (b"\x1b[31m.jpg\0x\0", ["\x1b[31m.jpg", "x"]),
        (b"lst/c.jpg\rlst/a b.jpg\r", ["lst/c.jpg", "lst/a b.jpg"]),
        (b"\xef\xbb\xbflst/c.jpg\r\nlst/\xc3\xbc.jpg\r\n", ["lst/c.jpg", "lst/ü.jpg"]),
        (b"\xff\xfew\0a\0n\0t\0e\0d\0.\0j\0p\0g\0\r\0\n\0", ["wanted.jpg"]),
        ("\ufeff./ä.jpg\n/b.jpg\n".encode("utf-16-be"), ["./ä.jpg", "/b.jpg"]),
        ("\ufeffa.jpg\0b.jpg\0".encode("utf-16-le"), ["a.jpg", "b.jpg"]),
        (b"", []),
    ],
)
def test_names_are_read_from_lists(data: bytes, names: list[str]) -> None:
    assert parse_list(data) == names


def test_bytes_that_are_not_text_are_kept() -> None:
    assert [os.fsencode(name) for name in parse_list(b"\xff.jpg\n")] == [b"\xff.jpg"]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0/\n.\n",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "./photos/a.jpg\n".encode("utf-16-le"),
        "./photos/a.jpg\n".encode("utf-16-be"),
        b"\xff\xfea",
        b"\x1f\x8b\x08\x01\x02\x03\x04\x05\x06 /\n",
    ],
)
def test_what_is_not_a_list_is_refused_before_any_name_is_used(data: bytes) -> None:
    with pytest.raises(SharpError, match="standard input") as error:
        parse_list(data)
    assert error.value.code == "usage"
