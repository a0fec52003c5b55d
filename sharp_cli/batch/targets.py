"""Where each result goes: the folders of the inputs mirrored, and never two results under one name."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sharp_cli.batch.inputs import Found
from sharp_cli.batch.task import Task

LONGEST_NAME = 255
"""Bytes; the limit of common file systems."""


def choose_targets(found: Sequence[Found], out: Path | None, task: Task[Any, Any]) -> list[Path]:
    """A target for each input: its name with the task's ending, beside it or at its place below ``out``.

    Inputs that would write the same file (``a.jpg`` and ``a.png``; also ``A.jpg`` and ``a.jpg``, which some file
    systems do not distinguish) get ``a.ply``, ``a.png.ply`` and so on in order. Those of the same name from several
    folders get ``a.ply``, ``FOLDER-a.ply``. A file that an earlier run made from another input keeps its name, so a
    later run never replaces it.

    Args:
        out: a folder for results. None: beside the input.
    """
    taken: dict[str, Found] = {}
    numbers: Counter[str] = Counter()
    targets = []
    folder_of = cache(lambda name: (out or Path()) / name)  # most inputs share theirs
    ending = task.ending
    room = max(len(path.name) for path in task.outputs(Path(f"x{ending}"))) - 1
    for each in found:
        folder = folder_of(os.path.split(each.place if out is not None else each.path)[0])
        target = folder / _fitting(each.place.stem, ending, room)
        keys = [comparable(path) for path in task.outputs(target)]
        if any(key in taken for key in keys) or not task.is_free(target, each.path):
            rival = taken.get(keys[0])
            for stem in _more_stems(each, rival is not None and rival.path.name == each.path.name, numbers, folder):
                target = folder / _fitting(stem, ending, room)
                keys = [comparable(path) for path in task.outputs(target)]
                if not any(key in taken for key in keys) and task.is_free(target, each.path):
                    break
        taken |= dict.fromkeys(keys, each)
        targets.append(target)
    return targets


def _more_stems(each: Found, namesake: bool, numbers: Counter[str], folder: Path) -> Iterator[str]:
    """Names for a result after its input's own, in order of preference, without end.

    Args:
        namesake: an input of the same name in another folder has the first choice.
        numbers: the last number given to each name, so that thousands of namesakes are not counted again.
    """
    name, of_folder = each.place.name, f"{each.path.absolute().parent.name}-{each.place.stem}"
    yield from (of_folder, name) if namesake else (name, of_folder)
    key = comparable(folder / name)
    numbers[key] = max(numbers[key], 1)
    while True:
        numbers[key] += 1
        yield f"{name}-{numbers[key]}"


def _fitting(stem: str, suffix: str, room: int) -> str:
    """The stem and suffix as one name. If it is too long for a file system, it is cut and gets a digest.

    Args:
        room: bytes of the longest ending of an output.
    """
    if len(os.fsencode(stem)) + room <= LONGEST_NAME:
        return stem + suffix
    mark = "-" + hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
    start = os.fsencode(stem)[: LONGEST_NAME - room - len(mark)]
    return start.decode("utf-8", "ignore") + mark + suffix


def comparable(path: Path | str) -> str:
    """The same text for paths that any file system takes for the same."""
    text = str(path)
    if not os.path.isabs(text):  # noqa: PTH117  there may be a million
        text = os.path.join(os.getcwd(), text)  # noqa: PTH109, PTH118
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text).casefold()
