"""Damaged .ply files and photos by the thousand: each must be read or refused in a sentence, soon, in little memory.

    python benchmarks/fuzz.py [--count 100000] [--seed 0] [--jobs 2]

Small files of every kind are flipped, cut, spliced and edited, then given to the readers in processes of their own.
Whatever else happens (another exception, a crash, a slow or a memory-hungry file, one left behind in the folder) is
listed, its file is kept for a closer look, and the exit code is 1. The same seed and index make the same file.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from damage import make_input, sound_files

HANG_SECONDS = 60.0

# A few bytes may honestly claim a photo of 300 megapixels, the most that is opened; a splat's size is in its file.
MOST_SECONDS = {"splat": 2.0, "photo": 20.0}  # of processor time, which other work on the machine does not lengthen
MOST_BYTES = {"splat": 1 << 28, "photo": 6 << 30}


def read_splat(path: Path) -> None:
    """All that reads .ply files; what reads must be finite."""
    from sharp_cli.errors import SharpError
    from sharp_cli.formats.ply import read_facts, read_ply
    from sharp_cli.formats.summary import summarize

    with suppress(SharpError):  # it is stricter than read_ply
        read_facts(path)
    splat = read_ply(path)
    for part in (splat.means, splat.scales, splat.quats, splat.opacities, splat.colors, splat.sh):
        assert part is None or part.isfinite().all()
    summarize(path)


def read_picture(path: Path) -> None:
    """All that reads photos; what reads must be a picture."""
    from sharp_cli.photo import read_photo

    photo = read_photo(path)
    assert photo.pixels.shape == (photo.height, photo.width, 3)
    assert photo.pixels.size > 0
    assert 0 < photo.focal_px < float("inf")


READERS = {"splat": read_splat, "photo": read_picture}


def peak_bytes() -> int:
    """Most memory that this process has had; 0 if the system does not say."""
    from sharp_cli.runtime.timing import peak_memory

    return peak_memory().get("process", 0)


def try_input(family: str, content: bytes, folder: Path) -> tuple[str, str]:
    """Give a file to its reader: ("accepted" or "refused", what is wrong about that or nothing)."""
    from sharp_cli.errors import SharpError

    path = folder / "input"
    path.write_bytes(content)
    memory, start = peak_bytes(), time.process_time()
    outcome, wrong = "accepted", ""
    try:
        READERS[family](path)
    except SharpError as error:
        outcome = "refused"
        if not str(error).startswith(str(path)) or "\n" in str(error):
            wrong = f"not a sentence about the file: {error}"
    except BaseException as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        wrong = f"{type(error).__name__}: {error} ({Path(line.filename).name}:{line.lineno})"
    if (spent := time.process_time() - start) > MOST_SECONDS[family]:
        wrong = wrong or f"slow: {spent:.1f} s of processor time"
    if (grown := peak_bytes() - memory) > MOST_BYTES[family]:
        wrong = wrong or f"memory: {grown / 1e9:.1f} GB"
    if left := [entry.name for entry in folder.iterdir() if entry != path]:
        wrong = wrong or f"left behind: {', '.join(left)}"
        shutil.rmtree(folder)
        folder.mkdir()
    return outcome, wrong


def work(seed: int, indices: range, bases: dict[str, dict[str, bytes]], current: Any, words: SimpleQueue[Any]) -> None:
    """A worker process: every input of its indices; what it is at stands in ``current``."""
    import torch

    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # image libraries complain there about every input
    tally: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "inputs"
        folder.mkdir()
        for index in indices:
            current.value = index
            family, _, content = make_input(seed, index, bases)
            outcome, wrong = try_input(family, content, folder)
            tally[family, outcome] += 1
            if wrong:
                words.put((index, wrong))
            if sum(tally.values()) == 50:  # a crash loses no more than these
                words.put(tally)
                tally = Counter()
    words.put(tally)
    current.value = -1


@dataclass
class Lane:
    """One worker after the other through every n-th index."""

    indices: range
    process: BaseProcess
    current: Any
    seen: tuple[int, float] = field(default_factory=lambda: (0, time.monotonic()))


def run(seed: int, count: int, jobs: int) -> tuple[Counter[tuple[str, str]], dict[int, str]]:
    """All inputs: how many of each family ended how, and what was found at which index."""
    context = multiprocessing.get_context("spawn")
    bases = sound_files()
    words: SimpleQueue[Any] = context.SimpleQueue()
    tally: Counter[tuple[str, str]] = Counter()
    found: dict[int, str] = {}

    def start(indices: range) -> Lane:
        current = context.Value("q", indices.start, lock=False)
        process = context.Process(target=work, args=(seed, indices, bases, current, words), daemon=True)
        process.start()
        return Lane(indices, process, current)

    lanes = [start(range(job, count, jobs)) for job in range(jobs)]
    while lanes or not words.empty():
        while not words.empty():
            message = words.get()
            if isinstance(message, Counter):
                tally += message
                show_progress(sum(tally.values()), count, len(found))
            else:
                found[message[0]] = message[1]
        time.sleep(0.1)
        for lane in list(lanes):
            at = int(lane.current.value)
            if at != lane.seen[0]:
                lane.seen = (at, time.monotonic())
            hangs = at >= 0 and time.monotonic() - lane.seen[1] > HANG_SECONDS
            if lane.process.is_alive() and not hangs:
                continue
            if hangs:
                lane.process.kill()
            lane.process.join()
            lanes.remove(lane)
            if at >= 0:
                found[at] = f"hangs for {HANG_SECONDS:g} s" if hangs else f"crash, exit code {lane.process.exitcode}"
                lanes.append(start(range(at + jobs, count, jobs)))
    show_progress(0, 0, 0)
    return tally, found


def show_progress(done: int, count: int, found: int) -> None:
    if sys.stderr.isatty():
        print(f"{done:,} of {count:,}, {found} findings" if count else " " * 60, end="\r", file=sys.stderr)


def keep_findings(seed: int, found: dict[int, str]) -> Path:
    """Write the files that were handled badly into a new folder."""
    folder = Path(tempfile.mkdtemp(prefix="sharp-fuzz-"))
    bases = sound_files()
    for index in sorted(found)[:100]:
        family, kind, content = make_input(seed, index, bases)
        (folder / f"{index}-{family}-{kind.replace(' ', '-')}").write_bytes(content)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    start = time.perf_counter()
    tally, found = run(options.seed, options.count, options.jobs)
    seconds = time.perf_counter() - start
    rate = options.count / seconds
    print(f"{options.count:,} damaged files (seed {options.seed}) in {seconds:.0f} s, {rate:.0f} a second")
    for (family, outcome), number_of in sorted(tally.items()):
        print(f"  {family} {outcome}: {number_of:,}")
    print(f"  findings: {len(found)}")
    if found:
        for index, wrong in sorted(found.items())[:20]:
            print(f"    {index}: {wrong}")
        print(f"  their files: {keep_findings(options.seed, found)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
