"""The work of ray_batch.py: small photos, each process on a core of its own. Workers of the cluster import it."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from sharp_cli.batch.convert import ConvertTask, Recipe
from sharp_cli.batch.network import Network
from sharp_cli.gaussians.fit import Fit

FIT = Fit(min_opacity=0.47)
"""Keeps a tenth of what the tiny network makes, so that two processes are not held up by one disk."""

KILLER = "killer.jpg"
"""A photo of this name ends its worker."""


class Noted(ConvertTask):
    """Photos to splats, and a line in a log for each that was written: which process wrote which file.

    Args:
        folder: holds the weights, and gets the log.
        pinned: keep each process on one core, as far as there are cores.
    """

    def __init__(self, folder: Path, *, pinned: bool = False) -> None:
        super().__init__(Recipe(fit=FIT), Network(str(folder / "tiny.safetensors"), "cpu", "fp32"))
        self.folder, self.pinned = folder, pinned

    def __reduce__(self):
        return make, (self.folder, self.pinned)

    def read(self, work):
        if self.pinned:
            self._core  # noqa: B018
        if work.job.source.name == KILLER:
            os._exit(1)
        return super().read(work)

    def write(self, work, item, output):
        super().write(work, item, output)
        with (self.folder / "log").open("a") as log:  # one write of a short line: whole, whoever else writes
            log.write(f"{os.getpid()} {work.job.target}\n")

    @cached_property
    def _core(self) -> int:
        """The core of this process, one that no other has taken, for all its threads."""
        cores = sorted(os.sched_getaffinity(0))
        mine = next((core for core in cores if _takes(self.folder / f"core-{core}")), cores[os.getpid() % len(cores)])
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), {mine})
        return mine


def make(folder: Path, pinned: bool) -> Noted:
    return Noted(folder, pinned=pinned)


def written(folder: Path) -> list[tuple[int, str]]:
    """The log: the process and the file, in order."""
    lines = (folder / "log").read_text().splitlines() if (folder / "log").exists() else []
    return [(int(pid), path) for pid, path in (line.split(" ", 1) for line in lines)]


def times_written(folder: Path) -> Counter[str]:
    """How often each file was written."""
    return Counter(path for _, path in written(folder))


def _takes(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
