"""Damaged files made from sound ones."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zipfile
import zlib
from copy import deepcopy
from typing import Any

from sound_files import Family

SHARES: dict[Family, int] = {"splat": 8, "photo": 6, "weights": 2, "cameras": 3, "list": 1}

NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    b"0", b"1", b"-1", b"255", b"1000000000", b"999999999999999999999", b"1e9", b"nan", b"inf", b"-inf", b"list",
    b"uchar", b"int", b"float", b"double", b"half", b"x", b"opacity", b"f_rest_0", b"vertex", b"face", b"element",
    b"property", b"comment", b"comment sharp image_size -3 0", b"end_header", b"ascii", b"binary_big_endian", b"\xff",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, "", "x", "1", "OPENCV", "../../x", -1, 0, 1, 2, 65, 16383, 10**6, 10**9, 2**31, 2**63, 10**30,
    10**400, -0.5, 0.1, 1e-300, 1e-45, 1e9, 1e38, 1e300, float("nan"), float("inf"), float("-inf"), [], {}, [0], [[]],
    [1e300] * 4,    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], {"x": 1}, "9" * 5000, [0] * 256,
)  # fmt: skip


def mutate(draw: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """The file after one to five kinds of damage, half of the time to what a container holds."""
    if content.startswith(b"\x1f\x8b") and draw.random() < 0.6:
        return gzip.compress(mutate(draw, gzip.decompress(content), others), 1)
    if content.startswith(b"PK\3\4") and draw.random() < 0.6:
        return mutate_zip(draw, content, others)
    if content.startswith((b"{", b"[")) and draw.random() < 0.6:
        return mutate_json(draw, content)
    damaged = bytearray(content)
    changes = [flip, cut, splice, repeat, number, number]
    if content.startswith(b"ply"):
        changes += [edit_header] * 3
    for _ in range(draw.choice((1, 1, 1, 2, 3, 5))):
        if damaged:
            draw.choice(changes)(draw, damaged, others)
    if damaged.startswith(b"\x89PNG") and draw.random() < 0.7:
        fix_checksums(damaged)
    return bytes(damaged)


def mutate_zip(draw: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """A sound archive of which one member is damaged, or lost, or compressed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names = list(members)
    chosen = draw.choice(names if draw.random() < 0.5 else names[:1])
    members[chosen] = mutate(draw, members[chosen], [members[chosen], *others])
    if draw.random() < 0.05:
        del members[chosen]
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if draw.random() < 0.1 else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, inner in members.items():
            archive.writestr(zipfile.ZipInfo(name), inner, method)
    return buffer.getvalue()


def mutate_json(draw: random.Random, content: bytes) -> bytes:
    """JSON of which one to three values are of another kind, or far out of range, or missing."""
    document = json.loads(content)
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = document
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw.choice(keys)
            if isinstance(at[key], dict | list) and at[key] and draw.random() < 0.85:
                at = at[key]
                continue
            if draw.random() < 0.15:
                del at[key]
            else:
                at[key] = deepcopy(draw.choice(VALUES))  # later changes must not reach the table
            break
    return json.dumps(document).encode()


def place(draw: random.Random, content: bytearray) -> int:
    """Somewhere in a file, often near its beginning, where the facts are."""
    return draw.randrange(min(len(content), 400) if draw.random() < 0.4 else len(content))


def flip(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    for _ in range(draw.choice((1, 1, 2, 8))):
        content[place(draw, content)] ^= 1 << draw.randrange(8)


def cut(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    if draw.random() < 0.5:
        del content[place(draw, content) :]
    else:
        start = place(draw, content)
        del content[start : start + draw.choice((1, 2, 4, 16, 100))]


def splice(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    other = draw.choice(others)
    start, at = draw.randrange(len(other)), place(draw, content)
    piece = other[start : start + draw.choice((4, 16, 64, 400))]
    content[at : at + draw.choice((0, len(piece)))] = piece


def repeat(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    start, at = place(draw, content), place(draw, content)
    content[at:at] = content[start : start + draw.choice((1, 8, 60, 300))] * draw.choice((1, 1, 2, 40))


def number(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    size, at = draw.choice((1, 2, 4, 8)), place(draw, content)
    value = draw.choice((*NUMBERS, draw.getrandbits(32))) % (1 << 8 * size)
    content[at : at + size] = value.to_bytes(size, draw.choice(("little", "big")))


def edit_header(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    """Change, drop, double, move or add a line or word of a .ply header."""
    header, mark, body = bytes(content).partition(b"end_header")
    lines = header.split(b"\n")
    at, to = draw.randrange(len(lines)), draw.randrange(len(lines))
    words = lines[at].split() or [b""]
    match draw.randrange(6):
        case 0:
            words[draw.randrange(len(words))] = draw.choice(WORDS)
            lines[at] = b" ".join(words)
        case 1:
            del lines[at]
        case 2:
            lines.insert(to, lines[at])
        case 3:
            lines[at], lines[to] = lines[to], lines[at]
        case 4:
            lines.insert(to, b" ".join(draw.choice(WORDS) for _ in range(draw.randrange(1, 6))))
        case 5:
            lines.insert(
                to, b"property list " + b" ".join(draw.choice((b"uchar", b"int", b"float", b"l")) for _ in "abc")
            )
    content[:] = b"\n".join(lines) + mark + body


def fix_checksums(content: bytearray) -> None:
    """Give every chunk of a PNG the checksum it should have, so that readers look at what is in it."""
    at = 8
    while at + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        if at + 12 + size > len(content):
            return
        struct.pack_into(">I", content, at + 8 + size, zlib.crc32(content[at + 4 : at + 8 + size]))
        at += 12 + size


def make_input(seed: int, index: int, bases: dict[Family, dict[str, bytes]]) -> tuple[Family, str, bytes]:
    """The family, the kind it was made from (often a file name), and the damaged file of an index."""
    draw = random.Random(seed * 1_000_000_007 + index)
    (family,) = draw.choices([*SHARES], [*SHARES.values()])
    kind = draw.choice(sorted(bases[family]))
    return family, kind, mutate(draw, bases[family][kind], list(bases[family].values()))
