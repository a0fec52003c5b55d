"""Damaged files of every family by the thousand, each given to its reader in processes of their own.

Every file must be read, or refused with a message that names it, soon and in little memory. The same seed and index
make the same file.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from damage import make_input
from sound_files import BETWEEN, Family, sound_files, tiny_network

HANG_SECONDS = 60.0
"""After so long without an answer a worker is killed; far more than any reader takes on a busy machine."""

MOST_SECONDS = 5.0
"""Of processor time, which other work on the machine does not lengthen."""
MOST_BYTES = 1_500_000_000


class Tried(NamedTuple):
    """What became of one file."""

    outcome: str
    """"accepted" or "refused"."""
    wrong: str
    """What is wrong about that; empty if nothing."""


@dataclass
class Fuzzed:
    """What became of all files."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(family, outcome) → files."""
    wrong: dict[int, str] = field(default_factory=dict)
    """Index → what is wrong."""


def fuzz(seed: int, count: int, jobs: int) -> Fuzzed:
    """Try files 0 to ``count`` - 1 of a seed in ``jobs`` processes."""
    bases = sound_files()
    result = Fuzzed()
    lanes = [_start(seed, range(job, count, jobs), bases) for job in range(jobs)]
    while lanes:
        ready = wait([lane.answers for lane in lanes], timeout=1.0)
        for lane in list(lanes):
            if lane.answers in ready:
                with suppress(EOFError):
                    family, tried = lane.answers.recv()
                    index = lane.indices[lane.done]
                    result.counts[family, tried.outcome] += 1
                    if tried.wrong:
                        result.wrong[index] = tried.wrong
                    lane.done, lane.answered = lane.done + 1, time.monotonic()
                    continue
                lane.process.join()
                reason = f"crash, exit code {lane.process.exitcode}"
            elif time.monotonic() - lane.answered > HANG_SECONDS:
                lane.process.kill()
                lane.process.join()
                reason = f"hangs for {HANG_SECONDS:g} s"
            else:
                continue
            lanes.remove(lane)
            if lane.done < len(lane.indices):
                result.wrong[lane.indices[lane.done]] = reason
                lanes.append(_start(seed, lane.indices[lane.done + 1 :], bases))
    return result


@dataclass
class _Lane:
    """A process that tries every n-th file."""

    indices: Sequence[int]
    process: BaseProcess
    answers: Connection
    done: int = 0
    answered: float = field(default_factory=time.monotonic)


def _start(seed: int, indices: Sequence[int], bases: dict[Family, dict[str, bytes]]) -> _Lane:
    context = multiprocessing.get_context("spawn")
    answers, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(seed, indices, bases, theirs), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process ends the answers
    return _Lane(indices, process, answers)


def _work(seed: int, indices: Sequence[int], bases: dict[Family, dict[str, bytes]], answers: Connection) -> None:
    """A worker process."""
    import torch

    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # image libraries complain there about every file
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "inputs"
        folder.mkdir()
        for index in indices:
            family, kind, content = make_input(seed, index, bases)
            answers.send((family, try_input(family, kind, content, folder)))


def try_input(family: Family, kind: str, content: bytes, folder: Path) -> Tried:
    """Give a file to its reader, in an empty folder."""
    from sharp_cli.errors import SharpError

    path = folder / f"input{Path(kind).suffix}"
    path.write_bytes(content)
    memory, start = _peak_bytes(), time.process_time()
    outcome, wrong = "accepted", ""
    try:
        READERS[family](path)
    except SharpError as error:
        outcome = "refused"
        if (family != "list" and str(folder) not in str(error)) or "\n" in str(error):
            wrong = f"the message does not name the file in one line: {error}"
    except BaseException as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        wrong = f"{type(error).__name__}: {error} ({Path(line.filename).name}:{line.lineno})"
    if (spent := time.process_time() - start) > MOST_SECONDS:
        wrong = wrong or f"slow: {spent:.1f} s of processor time"
    if (grown := _peak_bytes() - memory) > MOST_BYTES:
        wrong = wrong or f"memory: {grown / 1e9:.1f} GB"
    for written in (path, *_colmap_files(path)):
        written.unlink(missing_ok=True)
    if left := [entry.name for entry in folder.iterdir()]:
        wrong = wrong or f"left behind: {', '.join(left)}"
        shutil.rmtree(folder)
        folder.mkdir()
    return Tried(outcome, wrong)


def _read_splat(path: Path) -> None:
    """All that reads splats; what reads must be finite."""
    from sharp_cli.errors import SharpError
    from sharp_cli.formats.registry import read_metadata, read_splat
    from sharp_cli.formats.summary import summarize

    with suppress(SharpError):  # it is stricter than read_splat
        read_metadata(path)
    splat = read_splat(path)
    for part in (splat.means, splat.scales, splat.quats, splat.opacities, splat.colors, splat.sh):
        assert part is None or part.isfinite().all()
    summarize(path)


def _read_photo(path: Path) -> None:
    """All that reads photos; what reads must be an image."""
    from sharp_cli.photo import read_photo

    photo = read_photo(path)
    assert photo.pixels.shape == (photo.height, photo.width, 3)
    assert photo.pixels.size > 0
    assert 0 < photo.focal_px < float("inf")


def _read_weights(path: Path) -> None:
    """Weights of any form; those without a config are of the tiny network."""
    from sharp_cli.weights import read

    config, _ = _tiny()
    plain = read.read_config
    try:
        read.read_config = lambda stored, path: plain(stored or config.to_dict(), path)
        weights = read.read_weights(path)
    finally:
        read.read_config = plain
    assert weights.tensors


_tiny = cache(tiny_network)


def _colmap_files(path: Path) -> list[Path]:
    return [path.with_name(f"{name}{path.suffix}") for name in ("cameras", "images")]


def _read_cameras(path: Path) -> None:
    """All that reads cameras: a JSON file, or a folder with the two files of a COLMAP model."""
    from sharp_cli.cameras.camera_file import cameras_digest, read_views

    if path.suffix != ".json":
        parts = path.read_bytes().partition(BETWEEN)[::2]
        for written, content in zip(_colmap_files(path), parts, strict=True):
            written.write_bytes(content)
        path = path.parent
    cameras_digest(path)
    for views in read_views(path, (64, 48)):
        assert views.viewmats.isfinite().all() and views.Ks.isfinite().all()


def _read_list(path: Path) -> None:
    """What standard input may bring."""
    from sharp_cli.batch.lists import parse_list

    assert all(parse_list(path.read_bytes()))


READERS: dict[Family, Callable[[Path], None]] = {
    "splat": _read_splat,
    "photo": _read_photo,
    "weights": _read_weights,
    "cameras": _read_cameras,
    "list": _read_list,
}


def _peak_bytes() -> int:
    """Most memory that this process has had; 0 if the system does not say."""
    from sharp_cli.runtime.timing import peak_memory

    return peak_memory().get("process", 0)
