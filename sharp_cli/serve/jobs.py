"""The queue of a service: jobs wait, run one batch after the other, and are forgotten when many came after them."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sharp_cli.errors import SharpError
from sharp_cli.serve.metrics import Metrics
from sharp_cli.serve.settings import ConvertRequest, ExportRequest, PhotoOptions, ServeSettings
from sharp_cli.serve.worker import Worker, WorkerDied

ATTEMPTS = 2
"""A photo that ends the worker this often is given up."""


class QueueFull(SharpError):  # noqa: N818  what it says
    """As many jobs wait as may."""

    def __init__(self) -> None:
        super().__init__("too many photos are waiting (try again later)")


@dataclass
class Job:
    """One photo on its way."""

    id: str
    folder: Path
    title: str
    options: PhotoOptions
    status: Literal["queued", "running", "done", "failed"] = "queued"
    stage: str = ""
    reason: str = ""
    code: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0
    created: float = field(default_factory=time.monotonic)
    started: float | None = None
    ended: float | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def photo(self) -> Path:
        """The upload."""
        return self.folder / "photo"

    @property
    def splat(self) -> Path:
        """The result."""
        return self.folder / "splat.ply"

    @property
    def is_over(self) -> bool:
        """Whether it is done or failed."""
        return self.ended is not None

    def change(self, **values: Any) -> None:
        """Set fields, and wake up those who watch."""
        for name, value in values.items():
            setattr(self, name, value)
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    async def states(self, silence: float | None = None) -> AsyncIterator[bool]:
        """Yield true now, and after every change until the job is over.

        Args:
            silence: seconds without a change after which false is yielded; None: never.
        """
        while True:
            changed = self.changed
            yield True
            if self.is_over:
                return
            while not changed.is_set():
                try:
                    await asyncio.wait_for(changed.wait(), silence)
                except TimeoutError:
                    yield False


class Jobs:
    """All jobs of a service. Every method runs in the event loop.

    Args:
        converter, exporter: their handlers are those of :mod:`sharp_cli.serve.convert`.
    """

    def __init__(self, settings: ServeSettings, converter: Worker, exporter: Worker, metrics: Metrics) -> None:
        self._settings, self._converter, self._exporter, self._metrics = settings, converter, exporter, metrics
        self._all: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._some = asyncio.Event()
        self._exports: dict[Path, asyncio.Task[None]] = {}
        self._export_lock = asyncio.Lock()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def check_room(self) -> None:
        """Raise :class:`QueueFull` if no further job may wait."""
        if len(self._waiting) >= self._settings.queue:
            self._metrics.count("sharp_refused_total", reason="queue")
            raise QueueFull

    def new(self, title: str, options: PhotoOptions) -> Job:
        """A job whose folder exists; it is known, and runs, after :meth:`submit`."""
        name = secrets.token_urlsafe(12)
        folder = self._settings.folder / name
        folder.mkdir(parents=True)
        return Job(name, folder, title, options)

    def submit(self, job: Job) -> None:
        """Queue a job whose photo is in its folder.

        Raises:
            QueueFull: no further job may wait.
        """
        self.check_room()
        self._all[job.id] = job
        self._waiting.append(job)
        self._some.set()

    def discard(self, job: Job) -> None:
        """Delete the folder of a job that was not submitted."""
        shutil.rmtree(job.folder, ignore_errors=True)

    def get(self, name: str) -> Job | None:
        """The job of this id, unless it is forgotten."""
        return self._all.get(name)

    def position(self, job: Job) -> int:
        """How many jobs run before this one; 0 if it runs or is over."""
        return self._waiting.index(job) + 1 if job in self._waiting else 0

    async def run(self) -> None:
        """Work through the queue until the task is stopped."""
        while True:
            while not self._waiting:
                self._some.clear()
                await self._some.wait()
            # A job that has ended a worker runs alone, so that no other one is counted for it.
            size = 1 if self._waiting[0].attempts else self._settings.micro_batch
            batch: list[Job] = []
            while self._waiting and len(batch) < size and not (batch and self._waiting[0].attempts):
                batch.append(self._waiting.popleft())
            await self._convert(batch)
            self._forget()

    async def export(self, job: Job, suffix: str) -> Path:
        """The splat's file in another format, written when first asked for.

        Raises:
            SharpError: it cannot be written. QueueFull: too many others are being written.
        """
        target = job.folder / f"splat{suffix}"
        if target == job.splat or target.exists():
            return target
        if target not in self._exports:
            if len(self._exports) >= self._settings.queue:
                raise QueueFull
            task = asyncio.create_task(self._export(job, target))
            self._exports[target] = task
            task.add_done_callback(lambda _: self._exports.pop(target, None))
        await asyncio.shield(self._exports[target])  # others may wait for it too
        return target

    async def _export(self, job: Job, target: Path) -> None:
        async with self._export_lock:
            request = ExportRequest(job.splat, target, job.title)
            try:
                (answer,) = await asyncio.to_thread(self._exporter.call, [request])
            except WorkerDied:
                raise SharpError("the worker ended while it wrote the file", "unexpected") from None
        if isinstance(answer, SharpError):
            raise answer

    async def _convert(self, batch: list[Job]) -> None:
        loop = asyncio.get_running_loop()
        for job in batch:
            self._metrics.observe("sharp_wait_seconds", time.monotonic() - job.created)
            job.change(status="running", started=time.monotonic(), attempts=job.attempts + 1)

        def show(stage: str) -> None:
            for job in batch:
                job.change(stage=stage)

        def emit(stage: str) -> None:
            loop.call_soon_threadsafe(show, stage)

        requests = [ConvertRequest(job.photo, job.splat, job.options) for job in batch]
        try:
            answers = await asyncio.to_thread(self._converter.call, requests, emit)
        except WorkerDied:
            self._metrics.count("sharp_worker_deaths_total")
            for job in reversed(batch):
                if job.attempts < ATTEMPTS:
                    job.change(status="queued", stage="")
                    self._waiting.appendleft(job)
                else:
                    self._end(job, SharpError("the worker ended while it worked on this photo", "unexpected"))
            return
        except SharpError as error:
            answers = [error] * len(batch)
        for job, answer in zip(batch, answers, strict=True):
            self._end(job, answer)

    def _end(self, job: Job, answer: dict[str, Any] | SharpError) -> None:
        now = time.monotonic()
        self._metrics.observe("sharp_work_seconds", now - (job.started or now))
        job.photo.unlink(missing_ok=True)
        if isinstance(answer, SharpError):
            job.change(status="failed", reason=str(answer), code=answer.code, stage="", ended=now)
        else:
            job.change(status="done", facts=answer, stage="", ended=now)
        self._metrics.count("sharp_jobs_total", status=job.status)

    def _forget(self) -> None:
        over = [job for job in self._all.values() if job.is_over]
        for job in over[: max(0, len(over) - self._settings.keep)]:
            del self._all[job.id]
            shutil.rmtree(job.folder, ignore_errors=True)
