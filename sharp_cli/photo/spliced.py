"""A file-like view of a file with parts left out or replaced, so that a repair copies nothing."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable
from typing import BinaryIO

Piece = bytes | tuple[int, int]
"""Literal bytes, or (start, end) in the underlying file."""


class SplicedFile(io.RawIOBase):
    """Read-only and seekable: the pieces one after another. Wrap it in ``io.BufferedReader`` for small reads."""

    def __init__(self, file: BinaryIO, pieces: Iterable[Piece]) -> None:
        self._file = file
        self._pieces: list[Piece] = []
        for piece in pieces:
            last = self._pieces[-1] if self._pieces else None
            if isinstance(piece, tuple) and isinstance(last, tuple) and last[1] == piece[0]:
                self._pieces[-1] = (last[0], piece[1])
            else:
                self._pieces.append(piece)
        self._starts = [0]
        for piece in self._pieces:
            self._starts.append(self._starts[-1] + (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]))
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._starts[-1]}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        index = bisect_right(self._starts, self._place) - 1
        if index >= len(self._pieces):
            return 0
        piece, skip = self._pieces[index], self._place - self._starts[index]
        size = min(len(buffer), self._starts[index + 1] - self._place)
        if isinstance(piece, bytes):
            data = piece[skip : skip + size]
        else:
            self._file.seek(piece[0] + skip)
            data = self._file.read(size)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def splice(file: BinaryIO, pieces: Iterable[Piece]) -> BinaryIO:
    """The pieces as one buffered file; it neither owns nor closes the underlying one."""
    return io.BufferedReader(SplicedFile(file, pieces), 1 << 16)
