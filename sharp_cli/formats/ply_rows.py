"""The values of a .ply file's elements: binary of either byte order or ASCII, one block of rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.ply_header import Element, Header, Property, check_size

BLOCK_ROWS = 1 << 13
"""A block and its columns stay in a processor's cache while they are taken apart."""

MAX_LISTS = 10**6
"""Lists before the splat's own rows, which must be walked through one by one; more are refused."""
MAX_LINE = 1 << 22
"""Characters of an ASCII row."""

ByteOrder = Literal["little", "big"]


def read_columns(
    file: BinaryIO, header: Header, element: Element, groups: Mapping[str, Sequence[str]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Groups of an element's properties, each as an array (rows, properties) of fp32.

    Args:
        file: open in binary mode, at any position.
        element: one of the header's, without lists.

    Raises:
        SharpError: a truncated file, or ASCII that is not a number; the reason only, without the file's name.
        OSError: the file cannot be read.
    """
    check_size(header, file)  # before anything of the declared size is allocated
    columns = {group: np.empty((element.count, len(names)), np.float32) for group, names in groups.items()}
    start = 0
    for rows in read_blocks(file, header, element):
        end = start + len(rows)
        for group, names in groups.items():
            for column, name in enumerate(names):
                columns[group][start:end, column] = rows[name]
        start = end
    return columns


def read_blocks(file: BinaryIO, header: Header, element: Element) -> Iterator[npt.NDArray[np.void]]:
    """An element's rows with the types of the file, at most :data:`BLOCK_ROWS` at a time; errors as above."""
    sizes = (min(BLOCK_ROWS, element.count - start) for start in range(0, element.count, BLOCK_ROWS))
    before = header.elements[: header.elements.index(element)]
    if header.format == "ascii":
        file.seek(header.size)
        return _ascii_blocks(file, before, element, sizes)
    order: ByteOrder = "little" if header.format == "binary_little_endian" else "big"
    file.seek(_end(file, header.size, before, order))
    return _binary_blocks(file, element, sizes, order)


def _binary_blocks(
    file: BinaryIO, element: Element, sizes: Iterator[int], order: ByteOrder
) -> Iterator[npt.NDArray[np.void]]:
    sign = "<" if order == "little" else ">"
    row = np.dtype([(p.name, sign + p.type) for p in element.properties])
    for size in sizes:
        content = file.read(size * row.itemsize)
        if len(content) < size * row.itemsize:
            raise SharpError("the .ply file is truncated: it ends too early (copy or export it again)")
        yield np.frombuffer(content, row)


def _end(file: BinaryIO, offset: int, elements: Sequence[Element], order: ByteOrder) -> int:
    """The end of elements that begin at an offset; those with lists are walked through value by value."""
    size = file.seek(0, io.SEEK_END)
    for element in elements:
        if not element.has_lists:
            offset += element.count * element.row_bytes
            continue
        if element.count * len(element.properties) > MAX_LISTS:
            raise SharpError(f"{element.count:,} rows of '{element.name}' stand before the Gaussians (put them after)")
        for _ in range(element.count):
            for p in element.properties:
                offset += int(p.type[1]) if p.length_type is None else _list_bytes(file, offset, p, order)
            if offset > size:
                raise SharpError(f"the .ply file is truncated: it ends within the lists of '{element.name}'")
    return offset


def _list_bytes(file: BinaryIO, offset: int, p: Property, order: ByteOrder) -> int:
    assert p.length_type is not None
    width = int(p.length_type[1])
    file.seek(offset)
    length = int.from_bytes(file.read(width), order, signed=p.length_type[0] == "i")
    if length < 0:
        raise SharpError(f"the .ply file is damaged: a list of '{p.name}' has length {length}")
    return width + length * int(p.type[1])


def _ascii_blocks(
    file: BinaryIO, before: Sequence[Element], element: Element, sizes: Iterator[int]
) -> Iterator[npt.NDArray[np.void]]:
    text = io.TextIOWrapper(file, encoding="latin-1")
    try:
        lines = _lines(text)
        skipped = sum(other.count for other in before if other.properties)
        next(islice(lines, skipped, skipped), None)
        for size in sizes:
            yield _ascii_rows(list(islice(lines, size)), size, element)
    finally:
        text.detach()  # else the file would be closed with it


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines that are not blank."""
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise SharpError("the .ply file is damaged: a row is millions of characters long")
        if not line.isspace():
            yield line


def _ascii_rows(lines: list[str], size: int, element: Element) -> npt.NDArray[np.void]:
    if len(lines) < size:
        raise SharpError("the .ply file is truncated: it ends too early (copy or export it again)")
    try:
        values = np.loadtxt(lines, np.float64, comments=None, ndmin=2)
    except ValueError as error:
        raise SharpError(f"the .ply file is damaged: {error}") from error
    if values.shape != (size, len(element.properties)):
        raise SharpError(f"the .ply file is damaged: rows of '{element.name}' have {values.shape[1]} values")
    return values.view([(name, np.float64) for name in element.names])[:, 0]
