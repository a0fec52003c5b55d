"""A batch on a Ray cluster: workers that load the network once, on every node that has room.

Jobs carry paths, never pixels, so inputs and outputs lie where every node sees them. What is done already is found as
on one machine, so the same command resumes a run.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from logging import ERROR
from threading import Lock
from typing import Any

from sharp_cli.batch.events import Listener, RunSummary, end_run
from sharp_cli.batch.pipeline import run
from sharp_cli.batch.store import is_remote
from sharp_cli.batch.task import Job, JobResult, StopRun, Task, Work
from sharp_cli.errors import SharpError, install_extra

DEATHS = 2
"""A job whose worker ends this often, while it works on nothing else, is given up."""

NODE_LOST = re.compile(r"node (?:has |was )?(?:died|dead|removed|terminated)", re.IGNORECASE)
"""In Ray's error for a worker that went away with its node."""

IN_FLIGHT = 2
"""Jobs at a worker: one that computes, and one that is read or written meanwhile."""

WAIT_SECONDS = 1.0
"""Between two looks at the cluster, if nothing happens."""


@dataclass(frozen=True)
class RayOptions:
    """Where a batch runs, and what each worker takes."""

    address: str
    """``local`` starts Ray on this machine, ``auto`` finds the cluster of this machine; or its address."""
    cpus: float | None = None
    """Cores of a worker; None: up to four, or one beside a GPU."""
    gpus: float | None = None
    """GPUs of a worker, also parts of one; None: one if the cluster has any and the device may be CUDA, else none."""


class RayWorker:
    """Runs in a process of its own: a task, and one job after the other in its middle stage."""

    def __init__(self, task: Task[Any, Any]) -> None:
        self._task = OneAtATime(task)

    def ping(self) -> None:
        """Answer, once the process is up."""

    def work(self, job: Job) -> JobResult:
        """Do a job, as on one machine."""
        results: list[JobResult] = []
        listener = Listener()
        listener.ended = results.append  # type: ignore[assignment, method-assign]
        summary = run([job], self._task, [listener])
        if summary.problem is not None:
            return JobResult(job, "failed", str(summary.problem), StopRun(str(summary.problem), summary.problem.code))
        (result,) = results
        if result.error is not None:  # without what it holds on to, which may not be sent
            result.error = SharpError(str(result.error), result.code)  # type: ignore[arg-type]
        return result


class OneAtATime:
    """A task whose ``compute`` runs for one job at a time, though several threads work on jobs."""

    def __init__(self, task: Task[Any, Any]) -> None:
        self._task, self._lock = task, Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def compute(self, work: Work, item: Any) -> Any:
        """The task's own."""
        with self._lock:
            return self._task.compute(work, item)


@dataclass
class _Seat:
    """A worker as the run sees it."""

    actor: Any
    is_up: bool = False
    jobs: int = 0
    alone: bool = False
    """Its job may have ended a worker, so it gets no other one."""


@dataclass
class _Pool:
    """The state of one run."""

    ray: Any
    seats: list[_Seat]
    waiting: deque[Job]
    suspects: deque[Job] = field(default_factory=deque)
    """Jobs whose worker ended."""
    deaths: dict[Job, int] = field(default_factory=dict)
    attempts: dict[Job, int] = field(default_factory=dict)
    flying: dict[Any, tuple[_Seat, Job | None]] = field(default_factory=dict)
    """Answers that are awaited; of a ping if there is no job."""

    @property
    def is_over(self) -> bool:
        """Whether every job has ended."""
        return not (self.waiting or self.suspects or any(job for _, job in self.flying.values()))

    def ask_up(self, seat: _Seat) -> None:
        """Give a worker jobs as soon as it answers. One that finds no room in the cluster never does."""
        seat.is_up = False
        self.flying[seat.actor.ping.remote()] = (seat, None)

    def hand_out(self) -> list[Job]:
        """Give jobs to workers that have room; return them."""
        given = []
        for seat in self.seats:
            while seat.is_up and not seat.alone and seat.jobs < IN_FLIGHT and (self.suspects or self.waiting):
                if self.suspects and not seat.jobs:
                    job, seat.alone = self.suspects.popleft(), True
                elif self.waiting:
                    job = self.waiting.popleft()
                else:
                    break
                self.attempts[job] = self.attempts.get(job, 0) + 1
                self.flying[seat.actor.work.remote(_absolute(job))] = (seat, job)
                seat.jobs += 1
                given.append(job)
        return given

    def collect(self) -> list[JobResult]:
        """Wait a while for answers; return the jobs that have ended."""
        ready, _ = self.ray.wait(list(self.flying), num_returns=1, timeout=WAIT_SECONDS)
        return [result for answer in ready if (result := self._settle(answer, *self.flying.pop(answer)))]

    def _settle(self, answer: Any, seat: _Seat, job: Job | None) -> JobResult | None:
        was_alone = seat.alone
        if job is not None:
            seat.jobs -= 1
            seat.alone = False
        try:
            result: JobResult | None = self.ray.get(answer)
        except self.ray.exceptions.RayError as error:
            if seat.is_up or job is None:
                self.ask_up(seat)
            return None if job is None else self._after_death(job, error, was_alone)
        if job is None:
            seat.is_up = True
            return None
        assert result is not None
        result.job = job
        if self.attempts[job] > 1:
            result.facts["attempts"] = self.attempts[job]
        return result

    def _after_death(self, job: Job, error: Exception, was_alone: bool) -> JobResult | None:
        # The other job of the worker may be the cause; and that a node goes away is no job's fault.
        if was_alone and not NODE_LOST.search(str(error)):
            self.deaths[job] = self.deaths.get(job, 0) + 1
        if self.deaths.get(job, 0) < DEATHS:
            self.suspects.append(job)
            return None
        reason = f"{job.source}: its worker ended {DEATHS} times while it worked on this file alone"
        failure = SharpError(reason, "unexpected")
        return JobResult(job, "failed", reason, failure, facts={"attempts": self.attempts[job]})


def run_on_ray(
    jobs: Sequence[Job],
    task: Task[Any, Any],
    listeners: Iterable[Listener] = (),
    *,
    options: RayOptions,
    fail_fast: bool = False,
) -> RunSummary:
    """Work through jobs on a cluster; otherwise as :func:`sharp_cli.batch.pipeline.run`.

    Args:
        task: picklable; each worker has its own, and sets it up for its first job.

    Raises:
        SharpError: Ray is not installed, or there is no cluster at the address.
    """
    ray = _connected(options.address)
    summary, listeners = RunSummary(len(jobs)), tuple(listeners)
    summary.setup_seconds = task.setup_seconds
    pool = _Pool(ray, [], deque(jobs))
    state: Any = "interrupted"
    try:
        pool.seats = _start_workers(ray, task, options, len(jobs))
        for listener in listeners:
            listener.announced(f"starting up to {len(pool.seats)} workers")
        for seat in pool.seats:
            pool.ask_up(seat)
        while not pool.is_over:
            for job in pool.hand_out():
                _emit(listeners, "begun", job)
            for result in pool.collect():
                if isinstance(result.error, StopRun):
                    summary.problem = result.error
                    break
                summary.add(result)
                _emit(listeners, "ended", result)
            if summary.problem or (fail_fast and summary.counts["failed"]):
                break
        state = "finished" if summary.done == len(jobs) and not summary.problem else "stopped"
    finally:
        for seat in pool.seats:
            with suppress(Exception):
                ray.kill(seat.actor)
        end_run(summary, state, listeners)
    return summary


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError:
        raise SharpError(f"a cluster needs Ray ({install_extra('ray')})") from None
    if not ray.is_initialized():
        where = None if address == "local" else address
        try:
            ray.init(address=where or "local", log_to_driver=False, logging_level=ERROR, include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            text = str(error).splitlines()[0]
            raise SharpError(f"no Ray cluster at {address}: {text} (start one with `ray start --head`)") from error
    return ray


def _start_workers(ray: Any, task: Task[Any, Any], options: RayOptions, jobs: int) -> list[_Seat]:
    """As many workers as the cluster has room for; those without room start when it comes."""
    have = ray.cluster_resources()
    gpus = (1.0 if have.get("GPU") else 0.0) if options.gpus is None else options.gpus
    largest = max((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=1)
    cpus = (1.0 if gpus else max(1.0, min(4.0, largest))) if options.cpus is None else options.cpus
    room = have.get("GPU", 0) / gpus if gpus else math.inf
    count = max(1, min(jobs, int(min(room, have.get("CPU", 1) / cpus if cpus else math.inf))))
    remote = ray.remote(RayWorker).options(
        num_cpus=cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=0, max_concurrency=IN_FLIGHT
    )
    return [_Seat(remote.remote(task)) for _ in range(count)]


def _absolute(job: Job) -> Job:
    """The same job for a process in another folder."""
    source, target = (path if is_remote(path) else path.absolute() for path in (job.source, job.target))
    return Job(source, target, job.problem)


def _emit(listeners: tuple[Listener, ...], event: str, argument: Any) -> None:
    for listener in listeners:
        getattr(listener, event)(argument)
