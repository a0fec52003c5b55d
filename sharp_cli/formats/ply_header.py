"""The header of a .ply file: what it declares, checked against the file's size. Imports neither numpy nor torch.

plyfile writes our files, but reading does without it: plyfile refuses comments that are not ASCII, and it is fast only
when it maps the file into memory, where a file that shrinks meanwhile kills the process.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from sharp_cli.errors import SharpError
from sharp_cli.formats.foreign import name_foreign
from sharp_cli.gaussians.facts import current_key

Format = Literal["ascii", "binary_little_endian", "binary_big_endian"]

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float": "f4", "double": "f8", "float32": "f4", "float64": "f8",
}  # fmt: skip
"""The format's names of its types → kind and number of bytes, in numpy's spelling."""

FIRST_BYTES = 1 << 13
MAX_HEADER_BYTES = 1 << 26
"""Longer headers are neither read nor written."""
MAX_ROWS = 10**15

BIG_FILE, LEAST_FILLED = 1 << 28, 1 / 64
"""A file this large of which less than this part is on the disk is all holes, and would only fill the memory."""

COMMENT = "sharp"
"""First word of the comments that carry facts: ``comment sharp KEY VALUE``."""
FACT = f"comment {COMMENT} "

ESCAPED = re.compile(r"\\(?:\\|[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})")


class Property(NamedTuple):
    """One value of every row of an element, or a list of values."""

    name: str
    type: str  # a value of TYPES
    length_type: str | None = None  # of the number before each row's list; None for a single value


@dataclass(frozen=True)
class Element:
    """Rows of one kind."""

    name: str
    count: int
    properties: tuple[Property, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The properties' names."""
        return tuple(p.name for p in self.properties)

    @property
    def has_lists(self) -> bool:
        """Whether rows differ in size."""
        return any(p.length_type for p in self.properties)

    @property
    def row_bytes(self) -> int:
        """Bytes of a binary row; its lists, if any, count as empty."""
        return sum(int((p.length_type or p.type)[1]) for p in self.properties)


@dataclass(frozen=True)
class Header:
    """What a .ply file says about itself before its values begin."""

    format: Format
    elements: tuple[Element, ...]
    comments: tuple[str, ...]
    """Comments that are not facts."""
    facts: dict[str, str]
    """The ``comment sharp KEY VALUE`` lines: everything that this program wrote into comments."""
    size: int
    """Bytes up to the first value."""

    def find(self, name: str) -> Element | None:
        """The element with this name."""
        return next((element for element in self.elements if element.name == name), None)

    @property
    def size_is_exact(self) -> bool:
        """Whether :attr:`smallest_size` is the only possible size."""
        return self.format != "ascii" and not any(element.has_lists for element in self.elements)

    @property
    def smallest_size(self) -> int:
        """The least bytes of the whole file: with empty lists, and one digit for every ASCII value."""
        if self.format == "ascii":  # a separator after each value, except perhaps the last
            values = sum(element.count * len(element.properties) for element in self.elements)
            return self.size + max(2 * values - 1, 0)
        return self.size + sum(element.count * element.row_bytes for element in self.elements)


def read_facts(path: str | PathLike[str]) -> dict[str, str]:
    """The facts in the header of a complete .ply file that this program wrote; empty for other tools' files.

    Raises:
        SharpError: as :func:`read_header`.
    """
    return read_header(path).facts


def read_header(path: str | PathLike[str]) -> Header:
    """The header of a complete .ply file.

    Only the header is read, and compared with the file's size: cheap enough for thousands of files. Of an ASCII file
    only the header can be checked this way, of one with lists the smallest possible size.

    Raises:
        SharpError: not a .ply file, or not exactly as long as its header declares.
    """
    with open_ply(path) as (file, header):
        check_size(header, file)
        size = file.seek(0, os.SEEK_END)
        if size > header.smallest_size and header.size_is_exact:
            raise SharpError(
                f"the file is longer than its header declares: {size:,}, not {header.smallest_size:,} bytes"
            )
    return header


def check_size(header: Header, file: BinaryIO) -> None:
    """Refuse a file that is too short for what its header declares, or that has almost nothing on the disk.

    Raises:
        SharpError: the reason only, without the file's name.
    """
    facts = os.fstat(file.fileno())
    if facts.st_size < header.smallest_size:
        raise SharpError(
            f"the .ply file is truncated: its header declares at least {header.smallest_size:,} bytes, "
            f"and it has {facts.st_size:,} (copy or export it again)"
        )
    blocks = getattr(facts, "st_blocks", None)
    if facts.st_size > BIG_FILE and blocks is not None and 512 * blocks < LEAST_FILLED * facts.st_size:
        raise SharpError("the file is almost all holes, without data on the disk (copy or export it again)")


@contextmanager
def open_ply(path: str | PathLike[str]) -> Iterator[tuple[BinaryIO, Header]]:
    """Open a .ply file and read its header; the file is then positioned at the first value.

    Raises:
        SharpError: the file cannot be opened or read, or has no valid header. Every SharpError from within the ``with``
            block gets "cannot read PATH: " in front, so it gives the reason only.
    """
    try:
        with _open_file(Path(path)) as file:
            header = parse_header(_first_bytes(file), Path(path).suffix.lower())
            file.seek(header.size)
            yield file, header
    except SharpError as error:
        raise SharpError(f"cannot read {path}: {error}") from error.__cause__
    except MemoryError as error:
        raise SharpError(f"cannot read {path}: not enough memory") from error
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error


def _open_file(path: Path) -> BinaryIO:
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a null byte in the name
        raise SharpError(str(error)) from error
    if not stat.S_ISREG(mode):
        raise SharpError("folder, not a .ply file" if stat.S_ISDIR(mode) else "not a regular file")
    return path.open("rb")


def _first_bytes(file: BinaryIO) -> bytes:
    """The header and possibly more, or all that a header may take."""
    start = file.read(FIRST_BYTES)
    if not start.startswith(b"ply"):
        return start
    searched = 0
    while start.find(b"end_header", searched) < 0 and len(start) < MAX_HEADER_BYTES:
        searched = max(0, len(start) - len(b"end_header"))
        if not (more := file.read(len(start))):
            break
        start += more
    return start + file.read(2)  # the end of the last line may still be missing


def parse_header(start: bytes, suffix: str = ".ply") -> Header:
    """Parse the first bytes of a .ply file; ``suffix`` helps to name a file that is something else.

    Raises:
        SharpError: not a complete .ply header; the reason only, without the file's name.
    """
    first = re.match(rb"ply[ \t]*(\r\n|\n|\r)", start)
    if first is None:
        raise SharpError(name_foreign(start, suffix))
    newline = first[1]
    end = re.search(newline + rb"end_header[ \t]*" + newline, start)
    if end is None:
        raise SharpError("the .ply file is truncated: its header does not end (copy or export it again)")
    lines = start[first.end() : end.start()].replace(newline, b"\n").decode("utf-8", "replace").split("\n")
    remarks = [line for line in lines if _is_comment(line)]
    facts = (line[len(FACT) :].partition(" ") for line in remarks if line.startswith(FACT))
    form, elements = _declarations([line for line in lines if not _is_comment(line)])
    return Header(
        format=form,
        elements=elements,
        comments=tuple(line.partition(" ")[2] for line in remarks if not line.startswith(FACT)),
        facts={current_key(key): unescape(value) for key, _, value in facts},
        size=end.end(),
    )


def escape(value: str) -> str:
    """Any text as printable ASCII in one line; :func:`unescape` undoes it."""
    return value.encode("unicode_escape").decode("ascii")


def unescape(text: str) -> str:
    """The inverse of :func:`escape`; anything that it never writes stays as it is."""
    return ESCAPED.sub(lambda found: found[0].encode("ascii").decode("unicode_escape"), text)


def _declarations(lines: list[str]) -> tuple[Format, tuple[Element, ...]]:
    """Format and elements from the lines that are not comments."""
    form: Format | None = None
    counts: dict[str, int] = {}
    properties: dict[str, dict[str, Property]] = {}
    last: dict[str, Property] | None = None
    for line in lines:
        match line.split():
            case []:
                pass
            case ["format", "ascii" | "binary_little_endian" | "binary_big_endian" as kind, "1.0"] if form is None:
                form = kind
            case ["element", name, count] if name not in counts and _is_count(count):
                counts[name], last = int(count), properties.setdefault(name, {})
            case ["property", kind, name] if last is not None and name not in last and kind in TYPES:
                last[name] = Property(name, TYPES[kind])
            case ["property", "list", length, kind, name] if (
                last is not None and name not in last and kind in TYPES and TYPES.get(length, "f")[0] != "f"
            ):
                last[name] = Property(name, TYPES[kind], TYPES[length])
            case _:
                shown = escape(line if len(line) < 60 else f"{line[:57]}...")
                raise SharpError(f"the .ply header has a line that sharp does not understand: '{shown}'")
    if form is None:
        raise SharpError("the .ply header names no format")
    return form, tuple(Element(name, counts[name], tuple(properties[name].values())) for name in counts)


def _is_comment(line: str) -> bool:
    return line.split(maxsplit=1)[:1] in (["comment"], ["obj_info"])


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 20 and int(word) <= MAX_ROWS
