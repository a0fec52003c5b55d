"""SIGKILL at random moments of a batch: no result is damaged, lost, or made twice.

The suite kills a few times. ``SHARP_KILLS=26 SHARP_KILL_PHOTOS=60 pytest -m slow tests/fuzz/test_kills.py`` is the long
run.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from PIL import Image

from sharp_cli import read_splat

KILLS = int(os.environ.get("SHARP_KILLS", "3"))
PHOTOS = int(os.environ.get("SHARP_KILL_PHOTOS", "8"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX"),
]


class Identity(NamedTuple):
    """What changes when a file is made again."""

    inode: int
    modified_ns: int
    size: int


@pytest.mark.parametrize("options", [(), ("--render",)], ids=["convert", "render"])
def test_killed_batches_lose_nothing_and_repeat_nothing(
    options: tuple[str, ...], tiny_weights: Path, tmp_path: Path
) -> None:
    photos, results = tmp_path / "in", tmp_path / "out"
    fill(photos)
    words = (photos, "-o", results, "--weights", tiny_weights, "--device", "cpu", *options)
    command = [sys.executable, "-m", "sharp_cli", "convert", *map(str, words)]
    chance = random.Random(0)
    complete: dict[Path, Identity] = {}

    kills = 0
    while kills < KILLS:
        kills += run_and_kill(command, chance)
        check(results, complete)

    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    check(results, complete)
    suffixes = [".mp4", ".ply"] if options else [".ply"]
    expected = [results / f"{photo.stem}{suffix}" for photo in sorted(photos.iterdir()) for suffix in suffixes]
    assert sorted(results.iterdir()) == sorted(expected), "a file is missing, or a temporary one was left"

    again = subprocess.run([*command, "--json", str(tmp_path / "record.json")], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    check(results, complete)
    assert sorted(complete) == sorted(expected)


def fill(folder: Path) -> None:
    """Photos of noise, each different."""
    folder.mkdir()
    pixels = np.random.default_rng(0)
    for index in range(PHOTOS):
        Image.fromarray(pixels.integers(0, 256, (48, 64, 3), np.uint8)).save(folder / f"{index:03}.jpg")


def run_and_kill(command: list[str], chance: random.Random) -> bool:
    """Kill the command after some lines of output and a random part of a second; False if it ended by itself."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for _ in range(chance.randint(1, 3)):
            process.stderr.readline()
        try:
            process.wait(chance.uniform(0, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.stderr.read()
            return True
    return False


def check(results: Path, complete: dict[Path, Identity]) -> None:
    """Every visible result is whole, and is the one that was seen before."""
    seen = {path for path in results.glob("*") if path.suffix in (".ply", ".mp4")} if results.exists() else set()
    assert complete.keys() <= seen, "a result was lost"
    for path in sorted(seen):
        stat = path.stat()
        identity = Identity(stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if path in complete:
            assert complete[path] == identity, f"{path.name} was made twice"
            continue
        if path.suffix == ".ply":
            assert len(read_splat(path)) == 131_072
        else:
            with av.open(str(path)) as clip:
                assert sum(1 for _ in clip.decode(video=0)) > 1
        complete[path] = identity
