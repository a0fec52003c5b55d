"""The pipeline: order, overlap, failures that stay with their job, and what ends a run."""

from __future__ import annotations

import errno
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from sharp_cli.batch.manifest import Manifest
from sharp_cli.batch.pipeline import Done, Job, Outcome, Stages, StopRun, run
from sharp_cli.errors import SharpError

JOBS = [Job(Path(f"{i}.jpg"), Path(f"{i}.ply")) for i in range(6)]


def through(
    jobs: list[Job] = JOBS, read: Any = None, compute: Any = None, write: Any = None, **options: Any
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    stages: Stages[Any, Any] = Stages(
        read or (lambda outcome: outcome.job.source.stem),
        compute or (lambda outcome, item: item * 2),
        write or (lambda outcome, item, result: outcome.facts.update(item=item, result=result)),
    )
    run(jobs, stages, begun=lambda job: None, ended=outcomes.append, **options)
    return outcomes


def test_every_job_passes_all_stages_in_order() -> None:
    assert [(o.job, o.facts) for o in through()] == [
        (job, {"item": job.source.stem, "result": job.source.stem * 2}) for job in JOBS
    ]


@pytest.mark.parametrize("stage", ["read", "compute", "write"])
def test_a_failure_stays_with_its_job(stage: str) -> None:
    errors = iter([None, SharpError("no"), OSError(errno.EACCES, "Permission denied"), ValueError("oops"), None, None])

    def fail(outcome: Outcome, *_: Any) -> str:
        if error := next(errors):
            raise error
        return "x"

    outcomes = sorted(through(**{stage: fail}), key=lambda o: o.job.source)
    assert [o.status for o in outcomes] == ["made", "failed", "failed", "failed", "made", "made"]
    assert [o.reason for o in outcomes[1:4]] == [
        "no",
        "2.ply cannot be written: Permission denied.",
        "3.jpg: ValueError: oops",
    ]


def test_what_is_done_is_skipped_and_a_known_problem_is_not_tried() -> None:
    def read(outcome: Outcome) -> str:
        if outcome.job.source.stem in "024":
            raise Done
        return "x"

    jobs = [*JOBS, Job(Path("none"), Path("none.ply"), "There is nothing.")]
    outcomes = {o.job.source.stem: o for o in through(jobs, read=read)}
    assert [outcomes[s].status for s in "012345"] == ["skipped", "made"] * 3
    assert (outcomes["none"].status, outcomes["none"].reason) == ("failed", "There is nothing.")


def test_a_full_disk_and_a_stop_end_the_run() -> None:
    def full(outcome: Outcome, *_: Any) -> None:
        if outcome.job.source.stem == "1":
            raise OSError(errno.ENOSPC, "No space left on device")

    ended: list[Outcome] = []
    stages: Stages[str, str] = Stages(lambda o: "x", lambda o, item: item, full)
    with pytest.raises(StopRun, match=r"no space left for 1\.ply"):
        run(JOBS * 50, stages, begun=lambda job: None, ended=ended.append)
    assert "1" not in {o.job.source.stem for o in ended if o.status == "failed"}
    assert len(ended) < 20

    def stop(outcome: Outcome, item: str) -> str:
        raise StopRun("The weights are damaged.")

    with pytest.raises(StopRun, match="damaged"):
        through(compute=stop)


def test_fail_fast_ends_after_the_first_failure() -> None:
    def read(outcome: Outcome) -> str:
        if outcome.job.source.stem == "2":
            raise SharpError("broken")
        return "x"

    assert sorted(o.status for o in through(read=read, fail_fast=True)) == ["failed", "made", "made"]


def test_stages_overlap() -> None:
    """Each stage waits until the two others work on other jobs; one thread alone would wait for ever."""
    together = threading.Barrier(3, timeout=10)

    def meet(outcome: Outcome, first: int, last: int) -> None:
        if first <= int(outcome.job.source.stem) < last:
            together.wait()

    def read(outcome: Outcome) -> str:
        meet(outcome, 2, 6)
        return "x"

    def compute(outcome: Outcome, item: str) -> str:
        meet(outcome, 1, 5)
        return "x"

    assert {o.status for o in through(read=read, compute=compute, write=lambda o, i, r: meet(o, 0, 4))} == {"made"}


def test_an_interruption_writes_what_is_computed_and_begins_nothing_new() -> None:
    written: list[str] = []
    started: list[str] = []

    def compute(outcome: Outcome, item: str) -> str:
        started.append(outcome.job.source.stem)
        if outcome.job.source.stem == "2":
            raise KeyboardInterrupt
        return item

    with pytest.raises(KeyboardInterrupt):
        through(compute=compute, write=lambda o, i, r: written.append(o.job.source.stem))
    assert started == ["0", "1", "2"]
    assert written == ["0", "1"]


def test_the_record_is_useful_from_the_first_moment(tmp_path: Path) -> None:
    file = tmp_path / "new" / "record.json"
    manifest = Manifest(file, "convert", {"weights": "w"}, JOBS[:2])
    first = json.loads(file.read_text())
    assert first["state"] == "running"
    assert [item["status"] for item in first["items"]] == ["pending", "pending"]

    manifest.add(Outcome(JOBS[0], facts={"gaussians": 3}, seconds={"decode": 0.1}))
    manifest.add(Outcome(JOBS[1], "failed", "It is broken."))
    manifest.close("finished", {"made": 1}, None)
    made, failed = json.loads(file.read_text())["items"]
    assert made == {
        "input": "0.jpg", "output": "0.ply", "status": "made", "gaussians": 3, "seconds": {"decode": 0.1},
    }  # fmt: skip
    assert (failed["status"], failed["reason"]) == ("failed", "It is broken.")
    with pytest.raises(SharpError, match="cannot be written"):
        Manifest(tmp_path / "new" / "record.json" / "below.json", "convert", {}, [])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["record.json"]
