"""What is no photo, or one of another kind, is named for what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharp_cli import SharpError, read_photo


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "raw photo .develop"),
        (b"\0\0\0\x14ftypqt  ", "video"),
        (b"%PDF-1.4", "PDF"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n <svg xmlns=''/>", "SVG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\3\4", "zip archive"),
        (b"ply\nformat ascii 1.0\n", "splat or mesh"),
        (b"plain text", "none of JPEG"),
    ],
)
def test_files_of_other_kinds_are_named(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(content.ljust(200, b"\0"))
    with pytest.raises(SharpError, match=words):
        read_photo(tmp_path / "photo.jpg")
