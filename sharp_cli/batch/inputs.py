"""From the names a user gives to a sorted list of files without duplicates."""

from __future__ import annotations

import glob
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from sharp_cli.runtime.files import holds

FileId: TypeAlias = "tuple[int, int, str] | str"

SYSTEM_FOLDERS = frozenset(
    {
        *("@eadir", "#recycle", "@recycle", "@recently-snapshot", "#snapshot", "@tmp"),
        *("$recycle.bin", "recycler", "recycled", "system volume information", "lost+found", "__macosx"),
    }
)
"""Lower-case names of folders that NAS systems (thumbnails, trash), Windows, and macOS archives add to a user's own."""

LISTED = 3
"""Suffixes that a folder without anything to work on is said to have."""


@dataclass(frozen=True)
class Found:
    """A file to work on, or a name that leads to none."""

    path: Path
    """As the user would write it."""
    place: Path
    """Its path below the folder it was found in, and below an output folder, except for the suffix."""
    problem: str | None = None
    """Why there is nothing to work on, in one line."""
    named: str = ""
    """If it was named outright: its path below the folder of all such files."""

    @property
    def key(self) -> str:
        """Names it alike on every machine, wherever the files lie and however their path is written."""
        return self.named or self.place.as_posix()


def find_inputs(
    words: Iterable[str],
    suffixes: frozenset[str],
    *,
    what: str,
    leave_out: Path | None = None,
    pass_over: Callable[[Path], bool] = lambda path: False,
) -> list[Found]:
    """The files that words name: sorted by path, each file once, however often and by whatever name it is found.

    Folders are searched recursively for files with one of the ``suffixes`` (lower case), through symbolic links too,
    but each real folder once. Hidden files and folders and :data:`SYSTEM_FOLDERS` are skipped. A word is a pattern
    (``*``, ``?``, ``[…]``, ``**``) if no file has that exact name, and its files are chosen like a folder's. A file
    named outright counts whatever its suffix. A word that leads to nothing is in the list too, with its problem.

    Args:
        words: files, folders and patterns.
        suffixes: to look for, with the dot.
        what: the files' name in the plural, for messages ("photos").
        leave_out: a folder not to search: the one for results.
        pass_over: whether to skip a file that was found by searching.
    """
    real_folder = cache(os.path.realpath)  # most files share theirs
    looks = {word: _look(Path(word), real_folder) for word in dict.fromkeys(words)}
    folders = {word for word, look in looks.items() if word and look.is_folder}
    ids = {looks[word].id for word in folders}
    left_out = {_file_id(leave_out)} - ids if leave_out and holds(leave_out.is_dir) else set()
    search = _Search(suffixes, what, left_out, pass_over)
    found: list[tuple[Found, _Look]] = []
    patterns = {word for word in looks if glob.has_magic(word) and not os.path.lexists(word)}
    named = _below_common_folder([word for word in looks if word not in patterns and word not in folders])
    for word, look in looks.items():
        if word in folders:
            # With several folders each keeps its own name under the output folder, as with `cp -r`.
            more = search.folder(word, len(ids) > 1)
        elif word in patterns:
            more = search.pattern(word)
        else:
            path = Path(word)
            found.append((Found(path, Path(path.name), named=named[word]), look))
            continue
        for each in more:
            found.append((each, _Look(str(each.path)) if each.problem else _look(each.path, real_folder)))
    found.sort(key=lambda pair: pair[0].path.parts)
    unique: dict[FileId, tuple[Found, _Look]] = {}
    for each, look in found:
        first = unique.setdefault(look.id, (each, look))
        if first[1].is_link and not look.is_link:  # its own name comes before a link to it, so the link is dropped
            unique[look.id] = (each, look)
    return sorted((each for each, _ in unique.values()), key=lambda each: each.path.parts)


class _Look(NamedTuple):
    """What one look at a path shows."""

    id: FileId
    """The same value for all names of a file, on file systems that ignore case too. Hard links are separate files."""
    is_link: bool = False
    is_folder: bool = False


class _Search:
    """One search, which remembers the folders it has seen."""

    def __init__(
        self, suffixes: frozenset[str], what: str, seen: set[FileId], pass_over: Callable[[Path], bool]
    ) -> None:
        self.suffixes, self.what, self.seen, self.pass_over = suffixes, what, seen, pass_over
        self.others: Counter[str] = Counter()

    def folder(self, word: str, keeps_name: bool) -> Iterator[Found]:
        path = Path(word)
        if _file_id(path) not in self.seen:
            root = Path(path.resolve().name) if keeps_name else Path()
            self.others.clear()
            yield from self._or_problem(self._folder(path, root), path, self._nothing_in)

    def pattern(self, word: str) -> Iterator[Found]:
        yield from self._or_problem(self._pattern(word), Path(word), lambda _: f"no {self.what} match {word}")

    def _nothing_in(self, folder: Path) -> str:
        common = ", ".join(suffix for suffix, _ in self.others.most_common(LISTED))
        common += ", …" if len(self.others) > LISTED else ""
        return f"no {self.what} in {folder}" + (f" (other files: {common})" if common else "")

    def _or_problem(self, found: Iterator[Found], path: Path, problem: Callable[[Path], str]) -> Iterator[Found]:
        nothing = True
        for each in found:
            nothing = False
            yield each
        if nothing:
            yield Found(path, Path(path.name), problem(path))

    def _pattern(self, pattern: str) -> Iterator[Found]:
        parts = Path(pattern).parts
        fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        top = Path(*parts[:fixed])
        try:
            matches = sorted(top.glob(str(Path(*parts[fixed:]))))
        except (ValueError, OSError) as error:
            yield Found(Path(pattern), Path(Path(pattern).name), f"invalid pattern: {pattern} ({error})")
            return
        for match in matches:
            place = match.relative_to(top)
            if any(_is_passed_over(part) for part in place.parts):
                continue
            if holds(match.is_dir):
                yield from self._folder(match, place)
            elif match.suffix.lower() in self.suffixes and not self.pass_over(match):
                yield Found(match, place)

    def _folder(self, folder: Path, place: Path) -> Iterator[Found]:
        """All files below a folder. Links to folders come last, so that their targets keep their own names."""
        links: list[tuple[Path, Path]] = []
        folders = [(folder, place)]
        while folders or links:
            folder, place = folders.pop() if folders else links.pop(0)
            identity = _file_id(folder)
            if identity in self.seen:
                continue
            self.seen.add(identity)
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                yield Found(folder, place, f"cannot search {folder}: {error.strerror or error}")
                continue
            for entry in entries:
                here, there = folder / entry.name, place / entry.name
                if _is_passed_over(entry.name):
                    continue
                named_as_wanted = here.suffix.lower() in self.suffixes
                if not _is_folder(entry):
                    if not named_as_wanted:
                        self.others[here.suffix.lower() or here.name] += 1
                    elif not self.pass_over(here):
                        yield Found(here, there)
                elif named_as_wanted:
                    yield from self._or_problem(self._folder(here, there), here, lambda path: f"{path} is a folder")
                else:
                    (links if entry.is_symlink() else folders).append((here, there))


def _below_common_folder(words: Sequence[str]) -> dict[str, str]:
    """Paths of files below the folder of all of them: the same wherever that lies, and for relative paths too."""
    paths = [os.path.abspath(word) for word in words]  # noqa: PTH100  for 100,000 words
    try:
        folder = os.path.commonpath({os.path.split(path)[0] for path in paths}) if paths else ""
    except ValueError:  # on several drives
        folder = ""
    return {word: path[len(folder) :].replace(os.sep, "/").lstrip("/") for word, path in zip(words, paths, strict=True)}


def _is_passed_over(name: str) -> bool:
    """Whether a search skips this file or folder; one that the user names is never skipped."""
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _file_id(path: Path) -> FileId:
    return _look(path, os.path.realpath).id


def _look(path: Path, real_folder: Callable[[str], str]) -> _Look:
    """Look at a path, once: there may be a million.

    Args:
        real_folder: ``os.path.realpath``, which may remember its answers.
    """
    text, is_link, is_folder = str(path), False, False
    try:
        status = os.lstat(text)
        is_link = stat.S_ISLNK(status.st_mode)
        if is_link:
            status = path.stat()
        is_folder = stat.S_ISDIR(status.st_mode)
        if is_folder and status.st_ino:
            return _Look((status.st_dev, status.st_ino, ""), is_link, True)
        if is_link or path.name in ("", ".."):
            real = os.path.realpath(text)
        else:
            folder, name = os.path.split(text)
            real = os.path.join(real_folder(folder), name)  # noqa: PTH118
    except (OSError, ValueError):
        return _Look(os.path.normcase(path.absolute()), is_link)
    identity = (status.st_dev, status.st_ino, real.casefold()) if status.st_ino else os.path.normcase(real)
    return _Look(identity, is_link, is_folder)
