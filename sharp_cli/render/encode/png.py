"""Numbered PNG files in a folder: RGB, RGBA or 16-bit gray. The first one holds their provenance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

from PIL import Image, PngImagePlugin

from sharp_cli.errors import SharpError
from sharp_cli.render.encode.comment import from_comment
from sharp_cli.render.encode.frame import Frame
from sharp_cli.runtime.files import atomic_folder

NAME = re.compile(r"frame_\d{5,}\.png")
STRAY = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""Files that file managers leave in folders they show."""

COMPRESSION = 3
"""zlib's default of 6 takes almost three times as long for files 7 % smaller."""


def frame_name(index: int) -> str:
    """The file of a frame, counted from 0."""
    return f"frame_{index:05}.png"


FIRST = frame_name(0)


def write_png(path: Path, frames: Iterator[Frame], *, rate: Fraction, loop: bool, comment: str) -> None:
    """Write the frames into the folder; images have no ``rate`` and ``loop``.

    The first one is written last, because it holds the number of frames.
    """
    first = next(frames)
    count = 1
    for frame in frames:
        Image.fromarray(frame).save(path / frame_name(count), compress_level=COMPRESSION)
        count += 1
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", comment)
    text.add_text("Frames", str(count))
    Image.fromarray(first).save(path / FIRST, compress_level=COMPRESSION, pnginfo=text)


def read_png_comment(path: Path) -> str | None:
    """The comment of the first frame.

    Raises:
        SharpError: some of our frames are missing, or the first one is damaged.
    """
    names = {entry.name for entry in path.iterdir()}
    if FIRST not in names:
        return None
    text = _text(path / FIRST)
    comment = text.get("Comment")
    count = text.get("Frames", "")
    if from_comment(comment) is not None and count.isdecimal():
        missing = sum(frame_name(i) not in names for i in range(int(count)))
        if missing:
            raise SharpError(f"cannot use {path}: {missing} of its {count} frames are missing (render it again)")
    return comment


def frames_folder(path: Path) -> AbstractContextManager[Path]:
    """A temporary folder that becomes ``path``.

    Raises:
        SharpError: ``path`` is a file, or a folder with files that are not our frames.
    """
    return atomic_folder(path, _check_replaceable)


def _check_replaceable(path: Path) -> None:
    if not path.is_dir():
        raise SharpError(f"cannot write frames to {path}: it is a file (move it away or choose another name)", "exists")
    names = {entry.name for entry in path.iterdir()} - STRAY
    ours = FIRST in names and all(NAME.fullmatch(name) for name in names)
    if names and not (ours and from_comment(_text(path / FIRST).get("Comment")) is not None):
        raise SharpError(f"cannot replace {path}: it contains other files (choose another folder)", code="exists")


def _text(path: Path) -> dict[str, str]:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.load()
            return {key: str(value) for key, value in getattr(image, "text", {}).items()}
    except (OSError, ValueError, SyntaxError) as error:
        raise SharpError(f"cannot read {path}: not a complete PNG file (render it again)") from error
