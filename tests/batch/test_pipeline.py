"""The pipeline: order, overlap, failures that stay with their job, and what ends a run."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from copying import Copy

from sharp_cli.batch.events import Listener, RunSummary
from sharp_cli.batch.manifest import Manifest
from sharp_cli.batch.pipeline import run
from sharp_cli.batch.task import Job, JobResult, StopRun, Work
from sharp_cli.errors import SharpError

JOBS = [Job(Path(f"{i}.jpg"), Path(f"{i}.ply")) for i in range(6)]


class Log(Listener):
    """Keeps all events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.results: list[JobResult] = []
        self.summary: RunSummary | None = None

    def begun(self, job: Job) -> None:
        self.events.append(("begun", job.source.stem))

    def announced(self, text: str) -> None:
        self.events.append(("announced", text))

    def progressed(self, job: Job, done: int, total: int) -> None:
        self.events.append(("progressed", (job.source.stem, done, total)))

    def ended(self, result: JobResult) -> None:
        self.results.append(result)

    def closed(self, summary: RunSummary) -> None:
        self.summary = summary


def through(jobs: Sequence[Job] = JOBS, fail_fast: bool = False, **stages: Any) -> list[JobResult]:
    log = Log()
    summary = run(jobs, Copy(**stages), [log], fail_fast=fail_fast)
    assert log.summary is summary
    return log.results


def test_every_job_passes_all_stages_in_order() -> None:
    assert [(result.job, result.facts) for result in through()] == [
        (job, {"item": job.source.stem, "output": job.source.stem * 2}) for job in JOBS
    ]


def test_any_value_may_pass_between_stages_none_included() -> None:
    results = through(read=lambda work: None, compute=lambda work, item: None)
    assert [result.facts for result in results] == [{"item": None, "output": None}] * 6


@pytest.mark.parametrize("stage", ["status", "read", "compute", "write"])
def test_a_failure_stays_with_its_job(stage: str) -> None:
    errors = iter(
        [None, SharpError("no", "exists"), OSError(errno.EACCES, "Permission denied"), ValueError("oops"), None, None]
    )

    def fail(*_: Any) -> Any:
        if error := next(errors):
            raise error
        return ("x",)

    what = "read 2.jpg" if stage in ("status", "read") else "write 2.ply"
    results = sorted(through(**{stage: fail}), key=lambda result: result.job.source)
    assert [result.status for result in results] == ["made", "failed", "failed", "failed", "made", "made"]
    assert [(result.reason, result.code) for result in results[1:4]] == [
        ("no", "exists"),
        (f"cannot {what}: Permission denied", "failed"),
        ("3.jpg: ValueError: oops", "unexpected"),
    ]


def test_what_is_done_is_skipped_and_a_known_problem_is_not_tried() -> None:
    jobs = [*JOBS, Job(Path("none"), Path("none.ply"), "nothing there")]
    log = Log()
    summary = run(jobs, Copy(status=lambda job: () if job.source.stem in "024" else (job.target,)), [log])
    results = {result.job.source.stem: result for result in log.results}
    assert [results[stem].status for stem in "012345"] == ["skipped", "made"] * 3
    assert (results["none"].status, results["none"].reason) == ("failed", "nothing there")
    assert dict(summary.counts) == {"skipped": 3, "made": 3, "failed": 1}
    assert summary.state == "finished"
    assert [event for event in log.events if event[0] == "begun"] == [("begun", stem) for stem in "135"]


def test_a_stage_sees_what_is_missing_and_reports_progress() -> None:
    def compute(work: Work, item: str) -> str:
        assert work.missing == (work.job.target,)
        work.announce("warming up")
        work.progress(1, 2)
        return item

    log = Log()
    run(JOBS[:1], Copy(compute=compute), [log])
    assert log.events == [("begun", "0"), ("announced", "warming up"), ("progressed", ("0", 1, 2))]


def test_a_full_disk_and_a_stop_end_the_run() -> None:
    def full(work: Work, *_: Any) -> None:
        if work.job.source.stem == "1":
            raise OSError(errno.ENOSPC, "No space left on device")

    log = Log()
    summary = run(JOBS * 50, Copy(write=full), [log])
    assert summary.state == "stopped"
    assert summary.problem is not None
    assert (summary.problem.code, "1.ply" in str(summary.problem)) == ("disk_full", True)
    assert "1" not in {result.job.source.stem for result in log.results if result.status == "failed"}
    assert len(log.results) < 20

    def stop(work: Work, item: str) -> str:
        raise StopRun("the weights are damaged")

    summary = run(JOBS, Copy(compute=stop))
    assert (summary.state, str(summary.problem), summary.done) == ("stopped", "the weights are damaged", 0)


def test_errors_of_the_system_name_what_was_done_and_where() -> None:
    def denied(*_: Any) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "cache/kernels")

    log = Log()
    run(JOBS[:1], Copy(read=denied), [log])
    run(JOBS[:1], Copy(write=denied), [log])
    assert [result.reason for result in log.results] == [
        f"cannot read {JOBS[0].source}: Permission denied",
        f"cannot write {JOBS[0].target}: Permission denied",
    ]
    summary = run(JOBS, Copy(compute=full))
    assert "cache/kernels" in str(summary.problem)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("could not create a primitive")])
@pytest.mark.parametrize("stage", ["read", "compute", "write"])
def test_exhausted_memory_stops_the_run(stage: str, error: Exception) -> None:
    def fail(*_: Any) -> None:
        raise error

    summary = run(JOBS, Copy(**{stage: fail}))
    assert (summary.state, summary.problem and summary.problem.code) == ("stopped", "out_of_memory")


def test_fail_fast_ends_after_the_first_failure() -> None:
    def read(work: Work) -> str:
        if work.job.source.stem == "2":
            raise SharpError("broken")
        return "x"

    assert sorted(result.status for result in through(read=read, fail_fast=True)) == ["failed", "made", "made"]


def test_stages_overlap() -> None:
    """Each stage waits until the two others work on other jobs. One thread alone would wait forever."""
    together = threading.Barrier(3, timeout=10)

    def meet(work: Work, first: int, last: int) -> str:
        if first <= int(work.job.source.stem) < last:
            together.wait()
        return "x"

    results = through(
        read=lambda work: meet(work, 2, 6),
        compute=lambda work, item: meet(work, 1, 5),
        write=lambda work, item, output: meet(work, 0, 4),
    )
    assert {result.status for result in results} == {"made"}


def test_an_interruption_writes_what_is_computed_and_begins_nothing_new() -> None:
    written: list[str] = []
    started: list[str] = []

    def compute(work: Work, item: str) -> str:
        started.append(work.job.source.stem)
        if work.job.source.stem == "2":
            raise KeyboardInterrupt
        return item

    log = Log()
    task = Copy(compute=compute, write=lambda work, item, output: written.append(work.job.source.stem))
    with pytest.raises(KeyboardInterrupt):
        run(JOBS, task, [log])
    assert started == ["0", "1", "2"]
    assert written == ["0", "1"]
    assert log.summary is not None
    assert (log.summary.state, log.summary.done) == ("interrupted", 2)


def test_a_listener_that_cannot_finish_is_the_runs_problem_and_the_others_hear_the_end() -> None:
    class Broken(Listener):
        def closed(self, summary: RunSummary) -> None:
            raise SharpError("cannot write record.json")

    log = Log()
    summary = run(JOBS, Copy(), [Broken(), log])
    assert log.summary is summary
    assert (summary.state, str(summary.problem)) == ("finished", "cannot write record.json")


class Raising(Listener):
    """Fails at an event of one job."""

    def __init__(self, event: str, stem: str) -> None:
        def fail(*arguments: Any) -> None:
            job = arguments[0].job if isinstance(arguments[0], JobResult) else arguments[0]
            if stem in ("", getattr(job, "source", Path()).stem):
                raise ValueError("the display broke")

        setattr(self, event, fail)


@pytest.mark.parametrize("stem", "0235")
@pytest.mark.parametrize("event", ["begun", "progressed", "ended"])
def test_a_listener_that_raises_ends_the_run_with_its_error(event: str, stem: str) -> None:
    """In every thread, the last results included; no job is blamed for it."""
    log, written = Log(), list[str]()

    def compute(work: Work, item: str) -> str:
        work.progress(1, 2)
        return item

    def write(work: Work, item: str, output: str) -> None:
        written.append(work.job.source.stem)

    with pytest.raises(ValueError, match="the display broke"):
        run(JOBS, Copy(compute=compute, write=write), [log, Raising(event, stem)])
    assert log.summary is not None
    assert log.summary.state == "stopped"
    assert {result.status for result in log.results} <= {"made"}
    assert set(written) >= {job.source.stem for job in JOBS if job.source.stem < stem}


def test_a_listener_that_raises_while_a_file_is_read_ends_the_run() -> None:
    log = Log()
    with pytest.raises(ValueError, match="the display broke"):
        run(JOBS, Copy(read=lambda work: work.announce("reading")), [log, Raising("announced", "")])
    assert log.results == []


def test_all_listeners_hear_the_end_though_one_raises() -> None:
    log = Log()
    with pytest.raises(ValueError, match="the display broke"):
        run(JOBS, Copy(), [Raising("closed", ""), log])
    assert log.summary is not None
    assert log.summary.state == "finished"


def test_the_record_is_useful_from_the_first_moment(tmp_path: Path) -> None:
    file = tmp_path / "new" / "record.json"
    manifest = Manifest(file, "convert", {"weights": "w"}, JOBS[:2])
    first = json.loads(file.read_text())
    assert first["state"] == "running"
    assert [item["status"] for item in first["items"]] == ["pending", "pending"]

    summary = RunSummary(2)
    for result in (
        JobResult(JOBS[0], facts={"gaussians": 3}, seconds={"decode": 0.1}),
        JobResult(JOBS[1], "failed", "it is broken", SharpError("it is broken")),
    ):
        manifest.ended(result)
        summary.add(result)
    summary.close("finished")
    manifest.closed(summary)
    record = json.loads(file.read_text())
    made, failed = record["items"]
    assert made == {
        "input": "0.jpg", "output": "0.ply", "status": "made", "gaussians": 3, "seconds": {"decode": 0.1},
    }  # fmt: skip
    assert (failed["status"], failed["reason"], failed["code"]) == ("failed", "it is broken", "failed")
    assert (record["state"], record["totals"]["made"], record["totals"]["gaussians"]) == ("finished", 1, 3)
    with pytest.raises(SharpError, match="cannot write"):
        Manifest(tmp_path / "new" / "record.json" / "below.json", "convert", {}, [])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["record.json"]
