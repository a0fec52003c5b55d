"""Where each result goes: the folder structure mirrored, never two results under one name."""

from __future__ import annotations

import hashlib
import itertools
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sharp_cli.batch.inputs import Found

LONGEST_NAME = 255
"""Bytes that a file name may have on common file systems."""


def choose_targets(
    found: Sequence[Found],
    out: Path | None,
    suffix: str,
    free: Callable[[Path, Path], bool],
    results: Callable[[Path], list[Path]] = lambda target: [target],
) -> list[Path]:
    """A file for each input: its name with another ending, beside it or at its place below ``out``.

    Inputs that would write one file (``a.jpg`` and ``a.png``; also ``A.jpg`` and ``a.jpg``, which some file systems
    cannot tell apart) get ``a.ply``, ``a.png.ply`` and so on in order; those of one name from several folders get
    ``a.ply``, ``FOLDER-a.ply``. A file that an earlier run made from another input keeps its name, so that a later run
    never takes it away.

    Args:
        out: an output folder, or None for beside the input.
        suffix: ending of the results, with the dot.
        free: whether an existing file (first) may become the result of an input (second).
        results: all that is written for a target, the target among them.
    """
    taken: dict[str, Found] = {}
    targets = []
    room = max(len(path.name) for path in results(Path(f"x{suffix}"))) - 1
    for each in found:
        folder = out / each.place.parent if out is not None else each.path.parent
        rival = taken.get(_comparable(folder / _fitting(each.place.stem, suffix, room)))
        for name in _names(each, suffix, room, rival is not None and rival.path.name == each.path.name):
            paths = results(folder / name)
            keys = [_comparable(path) for path in paths]
            if not any(key in taken for key in keys) and all(free(path, each.path) for path in paths):
                break
        taken |= dict.fromkeys(keys, each)
        targets.append(folder / name)
    return targets


def _names(each: Found, suffix: str, room: int, namesake: bool) -> Iterator[str]:
    """Names for a result, in order of preference, without end; ``namesake``: another folder has an input so called."""
    stem, name, of_folder = each.place.stem, each.place.name, f"{each.path.absolute().parent.name}-{each.place.stem}"
    preferred = (stem, of_folder, name) if namesake else (stem, name, of_folder)
    yield from (_fitting(each_stem, suffix, room) for each_stem in preferred)
    yield from (_fitting(f"{name}-{number}", suffix, room) for number in itertools.count(2))


def _fitting(stem: str, suffix: str, room: int) -> str:
    """The stem and suffix as one name that a file system takes: cut and marked where it is too long.

    Args:
        room: bytes that the longest ending of a result needs.
    """
    if len(os.fsencode(stem)) + room <= LONGEST_NAME:
        return stem + suffix
    mark = "-" + hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
    start = os.fsencode(stem)[: LONGEST_NAME - room - len(mark)]
    return start.decode("utf-8", "ignore") + mark + suffix


def _comparable(path: Path) -> str:
    """A path as the least discerning file system would see it."""
    return unicodedata.normalize("NFC", str(path.absolute())).casefold()
