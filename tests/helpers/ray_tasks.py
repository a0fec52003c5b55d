"""A task whose files say what happens to their worker. Workers of a cluster import it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from copying import Copy

from sharp_cli.batch.task import Job, Work
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write


class Obedient(Copy):
    """Copies a file, once; ``die`` ends the worker, ``die once`` the first time, ``bad`` fails, ``work S`` computes.

    Beside every target it keeps a line for each time that it was written, and the process that did it.
    """

    def status(self, job: Job) -> tuple[Path, ...]:
        return () if job.target.exists() else (job.target,)

    def read(self, work: Work) -> Any:
        return work.job.source.read_text()

    def compute(self, work: Work, item: Any) -> Any:
        seen = work.job.target.with_suffix(".seen")
        if item == "die" or (item == "die once" and not seen.exists()):
            seen.touch()
            os._exit(1)
        if item == "bad":
            raise SharpError(f"cannot read {work.job.source}: file is damaged")
        if item.startswith("work"):
            end = time.process_time() + float(item.split()[1])
            while time.process_time() < end:
                pass
        return item

    def write(self, work: Work, item: Any, output: Any) -> None:
        with atomic_write(work.job.target) as temporary:
            temporary.write_text(output)
        with work.job.target.with_suffix(".log").open("a") as log:
            log.write(f"{os.getpid()}\n")
