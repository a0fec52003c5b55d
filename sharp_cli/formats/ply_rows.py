"""The values of a .ply file's elements: binary of either byte order or ASCII, a block of rows at a time."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.ply_header import Element, Header, check_size

BLOCK_ROWS = 1 << 13
"""A block and its columns stay in a processor's cache while they are taken apart."""


def read_columns(
    file: BinaryIO, header: Header, element: Element, groups: Mapping[str, Sequence[str]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Groups of an element's properties, each as an array (rows, properties) of fp32.

    Args:
        file: open in binary mode; where it stands does not matter.
        element: one of the header's, without lists.

    Raises:
        SharpError: a truncated file, or ASCII that is no number; without its subject, the file's name.
        OSError: the file cannot be read.
    """
    check_size(header, file.seek(0, os.SEEK_END))  # before anything of the promised size is allocated
    columns = {group: np.empty((element.count, len(names)), np.float32) for group, names in groups.items()}
    start = 0
    for rows in _blocks(file, header, element):
        end = start + len(rows)
        with np.errstate(over="ignore"):  # doubles beyond fp32 become infinite
            for group, names in groups.items():
                for column, name in enumerate(names):
                    columns[group][start:end, column] = rows[name]
        start = end
    return columns


def _blocks(file: BinaryIO, header: Header, element: Element) -> Iterator[npt.NDArray[np.void]]:
    sizes = [min(BLOCK_ROWS, element.count - start) for start in range(0, element.count, BLOCK_ROWS)]
    before = header.elements[: header.elements.index(element)]
    if header.format == "ascii":
        file.seek(header.size)
        return _ascii_blocks(file, before, element, sizes)
    order = "little" if header.format == "binary_little_endian" else "big"
    file.seek(_end(file, header.size, before, order))
    return _binary_blocks(file, element, sizes, order)


def _binary_blocks(file: BinaryIO, element: Element, sizes: list[int], order: str) -> Iterator[npt.NDArray[np.void]]:
    sign = "<" if order == "little" else ">"
    row = np.dtype([(p.name, sign + p.type) for p in element.properties])
    for size in sizes:
        content = file.read(size * row.itemsize)
        if len(content) < size * row.itemsize:
            raise SharpError("is not a complete .ply file: it ends too early.")
        yield np.frombuffer(content, row)


def _end(file: BinaryIO, offset: int, elements: Sequence[Element], order: Any) -> int:
    """Where elements end that begin at an offset; those with lists must be walked through value by value."""
    size = file.seek(0, os.SEEK_END)
    for element in elements:
        if not element.has_lists:
            offset += element.count * element.row_bytes
            continue
        for _ in range(element.count):
            for p in element.properties:
                offset += int(p.type[1]) if p.length_type is None else _list_bytes(file, offset, p, order)
            if offset > size:
                raise SharpError(f"is not a complete .ply file: it ends within the lists of '{element.name}'.")
    return offset


def _list_bytes(file: BinaryIO, offset: int, p: Any, order: Any) -> int:
    width = int(p.length_type[1])
    file.seek(offset)
    length = int.from_bytes(file.read(width), order, signed=p.length_type[0] == "i")
    if length < 0:
        raise SharpError(f"is not a complete .ply file: a list of '{p.name}' has the length {length}.")
    return width + length * int(p.type[1])


def _ascii_blocks(
    file: BinaryIO, before: Sequence[Element], element: Element, sizes: list[int]
) -> Iterator[npt.NDArray[np.void]]:
    text = io.TextIOWrapper(file, encoding="latin-1")
    try:
        lines = (line for line in text if not line.isspace())
        skipped = sum(other.count for other in before if other.properties)
        next(islice(lines, skipped, skipped), None)
        for size in sizes:
            yield _ascii_rows(list(islice(lines, size)), size, element)
    finally:
        text.detach()  # else the file would be closed with it


def _ascii_rows(lines: list[str], size: int, element: Element) -> npt.NDArray[np.void]:
    if len(lines) < size:
        raise SharpError("is not a complete .ply file: it ends too early.")
    try:
        values = np.loadtxt(lines, np.float64, comments=None, ndmin=2)
    except ValueError as error:
        raise SharpError(f"is damaged: {error}.") from error
    if values.shape != (size, len(element.properties)):
        raise SharpError(f"is damaged: rows of '{element.name}' with {values.shape[1]} values.")
    return values.view([(name, np.float64) for name in element.names])[:, 0]
