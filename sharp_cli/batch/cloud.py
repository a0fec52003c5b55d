"""Inputs and results in object stores: fetched and put whole, one job at a time. Needs the extra ``cloud``.

Paths are ``s3://``, ``gs://`` and the like, as fsspec knows them. A result's object says what it was made from in its
metadata, or in a small object beside it, so a rerun reads neither the photo nor the splat.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from sharp_cli.batch.inputs import Found, find_inputs
from sharp_cli.batch.store import address_of, again, fetch, identity, is_remote, made_from_of, open_store, put
from sharp_cli.batch.targets import choose_targets
from sharp_cli.batch.task import Job, Task, Work
from sharp_cli.errors import SharpError


def find_remote_jobs(task: Task[Any, Any], words: Sequence[str], out: Path | None) -> list[Job]:
    """As :func:`sharp_cli.batch.jobs.find_jobs`, where some inputs or the results lie in a store.

    Raises:
        SharpError: the extra is missing, the store does not answer, one result for several inputs, or frames that
            would go to a store.
    """
    local = [word for word in words if not is_remote(word)]
    found = find_inputs(local, task.suffixes, what=task.noun, pass_over=task.is_result) if local else []
    for word in (word for word in words if is_remote(word)):
        found += _search(address_of(word), task)
    single = out is not None and out.name.lower().endswith(task.ending)
    if single and len(found) > 1:
        raise SharpError(f"several {task.noun} need a folder for their results, not one file: {out}", "usage")
    targets = [out] if single else choose_targets(found, out, _AnyName(task))
    if not task.ending.startswith(".") and any(map(is_remote, targets)):
        raise SharpError("frames cannot go to an object store (make a video, or name a local folder)", "usage")
    return [
        Job(_place(each.path), _place(target), each.problem, _key(each))
        for each, target in zip(found, targets, strict=True)
    ]


class CloudTask:
    """A task whose sources and targets may lie in a store. Everything else is the inner task's.

    Args:
        inner: sees local files only.
    """

    def __init__(self, inner: Task[Any, Any]) -> None:
        self._inner = inner
        self._works: dict[Job, Work] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._inner, name)

    def __reduce__(self) -> Any:
        return CloudTask, (self._inner,)

    def status(self, job: Job) -> tuple[Path, ...]:
        """The outputs, unless their objects say that they were made from this source with these settings."""
        if not is_remote(job.target):
            if is_remote(job.source):
                self._fetch_source(job)
            return self._inner.status(self._local(job))
        outputs = tuple(self._inner.outputs(job.target))
        if self._inner.overwrite:
            return outputs
        wanted = self._made_from(job)
        marks = [made_from_of(address_of(output)) for output in outputs]
        if None in marks:
            address = address_of(outputs[marks.index(None)])
            raise SharpError(f"{address} exists and was not made by sharp", "exists")
        return () if all(mark == wanted for mark in marks) else outputs

    def read(self, work: Work) -> Any:
        """Fetch the source, and read it."""
        job = work.job
        self._fetch_source(job)
        local = self._local(job)
        inner = replace(work, job=local, missing=tuple(self._inner.outputs(local.target)))
        self._works[job] = inner
        try:
            return self._inner.read(inner)
        except Exception as error:
            self._clean(job)
            raise self._named(error, job) from error

    def compute(self, work: Work, item: Any) -> Any:
        """The inner task's."""
        try:
            return self._inner.compute(self._works[work.job], item)
        except Exception:
            self._clean(work.job)
            raise

    def write(self, work: Work, item: Any, output: Any) -> None:
        """Write the outputs, and put them into the store, whole."""
        job, inner = work.job, self._works[work.job]
        try:
            self._inner.write(inner, item, output)
            if is_remote(job.target):
                made_from = self._made_from(job)
                for local, remote in zip(
                    self._inner.outputs(inner.job.target), self._inner.outputs(job.target), strict=True
                ):
                    put(local, address_of(remote), made_from)
        finally:
            self._clean(job)

    @cached_property
    def _stage(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="sharp-cloud-", ignore_cleanup_errors=True)
        return Path(self._folder.name)

    def _room(self, job: Job) -> Path:
        return self._stage / hashlib.sha256(f"{job.source}\0{job.target}".encode()).hexdigest()[:20]

    def _local(self, job: Job) -> Job:
        """The job with local files in place of objects."""
        room = self._room(job)
        source = room / "in" / job.source.name if is_remote(job.source) else job.source
        return Job(source, room / "out" / job.target.name if is_remote(job.target) else job.target)

    def _fetch_source(self, job: Job) -> None:
        path = self._local(job).source
        if is_remote(job.source) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fetch(address_of(job.source), path)
        if is_remote(job.target):
            self._local(job).target.parent.mkdir(parents=True, exist_ok=True)

    def _clean(self, job: Job) -> None:
        self._works.pop(job, None)
        shutil.rmtree(self._room(job), ignore_errors=True)

    def _named(self, error: Exception, job: Job) -> Exception:
        """An error that names the object, not its local copy."""
        if not isinstance(error, SharpError) or not is_remote(job.source):
            return error
        return SharpError(str(error).replace(str(self._local(job).source), address_of(job.source)), error.code)

    def _made_from(self, job: Job) -> str:
        """A digest of the source's identity and all settings."""
        source = identity(address_of(job.source)) if is_remote(job.source) else _local_identity(job.source)
        return hashlib.sha256(json.dumps([job.source.name, source, self._inner.fingerprint]).encode()).hexdigest()


class _AnyName:
    """A task for which every name is free: who made an object is seen when its job begins."""

    def __init__(self, task: Any) -> None:
        self._task = task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def is_free(self, target: Path, source: Path) -> bool:
        return True


def _key(found: Found) -> str:
    """An object's address, which is the same everywhere, or a file's key."""
    return address_of(found.path) if is_remote(found.path) else found.key


def _place(path: Any) -> Path:
    """A path that prints as its address. A pure path: nothing may look for it in the file system."""
    return _Address(address_of(path)) if is_remote(path) else path  # type: ignore[return-value]


class _Address(PurePosixPath):
    """The path of an object."""

    def __str__(self) -> str:
        return address_of(super().__str__())

    def absolute(self) -> _Address:
        """Itself."""
        return self


def _search(address: str, task: Task[Any, Any]) -> list[Found]:
    """The objects that an address names: one, those that match a pattern, or those below a folder."""
    store, path = open_store(address)
    scheme = address.partition("://")[0]
    is_pattern = any(mark in path for mark in "*?[")
    if not is_pattern and PurePosixPath(path).suffix.lower() in task.suffixes:
        return [Found(_place(address), Path(PurePosixPath(path).name))]
    names = again(lambda: store.glob(path) if is_pattern else store.find(path), f"cannot search {address}")
    root = path.split("*")[0].rpartition("/")[0] if is_pattern else path.rstrip("/")
    places = [PurePosixPath(name).relative_to(root) for name in sorted(names)]
    wanted = [each for each in places if each.suffix.lower() in task.suffixes and not each.name.startswith(".")]
    if not wanted:
        return [Found(_place(address), Path(PurePosixPath(path).name), f"no {task.noun} in {address}")]
    return [Found(_place(f"{scheme}://{root}/{each}"), Path(each)) for each in wanted]


def _local_identity(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error
    return f"{status.st_size}-{status.st_mtime_ns}"
