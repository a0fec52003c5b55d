"""The simplest task of a batch: copies files. Tests replace the stages they are about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sharp_cli.batch.task import Job, Work


class Copy:
    """Photos to splats, by name alone."""

    noun, doing, ending = "photos", "copying", ".ply"
    overwrite, fingerprint = False, "copy"
    suffixes = frozenset({".jpg", ".png"})

    def __init__(self, **stages: Callable[..., Any]) -> None:
        self.setup_seconds: dict[str, float] = {}
        for name, stage in stages.items():
            setattr(self, name, stage)

    def outputs(self, target: Path) -> list[Path]:
        return [target]

    def is_result(self, path: Path) -> bool:
        return False

    def is_free(self, target: Path, source: Path) -> bool:
        return True

    def status(self, job: Job) -> tuple[Path, ...]:
        return (job.target,)

    def read(self, work: Work) -> Any:
        return work.job.source.stem

    def compute(self, work: Work, item: Any) -> Any:
        return item * 2

    def write(self, work: Work, item: Any, output: Any) -> None:
        work.result.facts |= {"item": item, "output": output}
