"""Inputs and results that are not files: a photo on stdin, photos from the web, a splat on stdout."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from sharp_cli.batch.task import Job
from sharp_cli.batch.web import fetch_photo, is_web, name_of
from sharp_cli.cli.batches import names_of
from sharp_cli.cli.display.plain import echo
from sharp_cli.cli.streams import STDIN, is_stdout
from sharp_cli.errors import SharpError


@dataclass
class Words:
    """The inputs as files, and where their results go."""

    words: list[str]
    out: Path | None
    lost: list[Job] = field(default_factory=list)
    """Inputs that could not be brought here, each with its problem."""
    to_stdout: bool = False

    def deliver(self, jobs: list[Job]) -> None:
        """Write the result to stdout, if it goes there."""
        if self.to_stdout and jobs:
            with jobs[0].target.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)


@contextmanager
def bring_here(
    inputs: list[str], out: Path | None, suffix: str, *, dry_run: bool, whole: bool = True
) -> Iterator[Words]:
    """The inputs as files. Photos on stdin and from the web lie in a temporary folder until the block ends.

    Standard input is judged by its content: a photo, or a list of files.

    Args:
        out: as given; ``-`` is stdout.
        suffix: of the results.
        whole: whether this process works on all inputs, not on a shard.

    Raises:
        typer.BadParameter: results would have no place, or several would go to stdout.
    """
    if "" in inputs:
        raise typer.BadParameter("an input has an empty name", param_hint="INPUT")
    to_stdout = is_stdout(out)
    data = sys.stdin.buffer.read() if STDIN in inputs else b""
    photo_given = STDIN in inputs and is_photo(data)
    if photo_given and (len(inputs) > 1 or out is None):
        reason = "give it alone" if len(inputs) > 1 else "name its result with --out, or --out - for stdout"
        raise typer.BadParameter(f"there is a photo on standard input ({reason})", param_hint="INPUT")
    words = inputs if photo_given or STDIN not in inputs else names_of(inputs, data)
    addresses = [word for word in words if is_web(word)]
    if to_stdout and len(words) != 1:
        raise typer.BadParameter("only the result of one photo can go to stdout", param_hint="--out")
    if addresses and out is None and len(addresses) < len(words):
        raise typer.BadParameter("photos from the web and files together need --out FOLDER", param_hint="INPUT")
    if addresses and not whole:
        reason = "photos from the web cannot be split (give each machine addresses of its own)"
        raise typer.BadParameter(reason, param_hint="--shard")
    if not (photo_given or addresses or to_stdout):
        yield Words(words, out)
        return
    with TemporaryDirectory(prefix="sharp-") as name:
        folder = Path(name)
        if photo_given:
            (folder / "stdin").write_bytes(data)
            words = [str(folder / "stdin")]
        target = folder / f"result{suffix}" if to_stdout else out if out is not None else Path()
        found = Words([word for word in words if not is_web(word)], target, to_stdout=to_stdout)
        for number, address in enumerate(addresses):
            _fetch(address, folder / str(number), found, suffix, dry_run=dry_run)
        yield found


def is_photo(data: bytes) -> bool:
    """Whether bytes begin as a picture file does."""
    from sharp_cli.photo.containers import knows

    return knows(data[:64])


def _fetch(address: str, folder: Path, found: Words, suffix: str, *, dry_run: bool) -> None:
    """Bring a photo from the web, or note why it does not come."""
    assert found.out is not None
    target = found.out
    if not target.name.lower().endswith(suffix):
        target = target / Path(name_of(address)).with_suffix(suffix)
    if dry_run:
        echo(f"make  {address} → {target}")
        return
    folder.mkdir()
    try:
        found.words.append(str(fetch_photo(address, folder)))
    except SharpError as error:
        found.lost.append(Job(Path(address), target, str(error)))
