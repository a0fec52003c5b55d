"""From a command's words to the jobs of a run, and what would become of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from sharp_cli.batch.inputs import find_inputs
from sharp_cli.batch.targets import choose_targets
from sharp_cli.batch.task import Job, Task
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import holds, same_file
from sharp_cli.runtime.memory import no_collections

FILE_SUFFIXES = frozenset(
    {
        *(".ply", ".splat", ".spz", ".sog", ".ksplat", ".glb", ".gltf", ".usd", ".usda", ".usdc", ".usdz"),
        *(".obj", ".fbx", ".stl", ".html", ".htm", ".json", ".zip"),
        *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"),
        *(".gif", ".webp", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".avif", ".heic"),
    }
)
"""Folders for results are hardly ever named like this."""


@no_collections()
def find_jobs(task: Task[Any, Any], words: Sequence[str], out: Path | None) -> list[Job]:
    """What to work on, and what it becomes.

    Args:
        words: files, folders and patterns.
        out: the result itself, or a folder for results that mirrors the inputs'. None: beside each input.

    Raises:
        SharpError: one result for several inputs, a folder named like a file, or a result that would replace its own
            source (``usage``).
    """
    single = out is not None and _is_result(task, words, out)
    if out is not None and not single and out.suffix.lower() in FILE_SUFFIXES and not holds(out.is_dir):
        raise SharpError(f"cannot make {out}: the name is not that of a folder or a {task.ending} file", "usage")
    found = find_inputs(
        words, task.suffixes, what=task.noun, leave_out=None if single else out, pass_over=task.is_result
    )
    if single and len(found) > 1:
        raise SharpError(f"several {task.noun} need a folder for their results, not one file: {out}", "usage")
    targets = [out] if found and single and out is not None else choose_targets(found, out, task)
    jobs = [Job(each.path, target, each.problem, each.key) for each, target in zip(found, targets, strict=True)]
    for job in jobs:
        if job.problem is None and same_file(job.target, job.source):
            raise SharpError(f"{job.source} would be replaced by its own result", "usage")
    return jobs


def plan(
    task: Task[Any, Any], jobs: Sequence[Job]
) -> Iterator[tuple[Literal["make", "skip", "fail"], Job, SharpError | None]]:
    """What a run would do with each job, as far as can be known without doing it, and why it would fail."""
    for job in jobs:
        try:
            if job.problem:
                raise SharpError(job.problem)
            if not holds(job.source.exists):
                raise SharpError(f"{job.source} does not exist")
            yield ("make" if task.status(job) else "skip"), job, None
        except SharpError as error:
            yield "fail", job, error


def _is_result(task: Task[Any, Any], words: Sequence[str], out: Path) -> bool:
    """Whether OUT is the result itself: a file of its suffix, or the folder for the frames of a single named file."""
    if task.ending.startswith("."):
        return out.name.lower().endswith(task.ending) and not holds(out.is_dir)
    return len(words) == 1 and holds(Path(words[0]).is_file)
