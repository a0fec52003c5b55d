"""A batch on a cluster of two nodes: dead workers, a lost node, and resuming."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ray_tasks import Obedient

from sharp_cli.batch.events import Listener, RunSummary
from sharp_cli.batch.ray_pool import RayOptions, run_on_ray
from sharp_cli.batch.task import Job, JobResult

ray = pytest.importorskip("ray", reason="needs the extra ray")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals")]

OPTIONS = RayOptions("auto", cpus=1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    helpers = str(Path(__file__).parents[1] / "helpers")
    path = os.pathsep.join([helpers, str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def jobs_of(folder: Path, *orders: str) -> list[Job]:
    folder.mkdir(exist_ok=True)
    for index, order in enumerate(orders):
        (folder / f"{index:03}.jpg").write_text(order)
    return [Job(path, path.with_suffix(".ply")) for path in sorted(folder.glob("*.jpg"))]


def work(jobs: list[Job], *listeners: Listener, **options: Any) -> RunSummary:
    return run_on_ray(jobs, Obedient(), listeners, options=OPTIONS, **options)


def times_made(folder: Path) -> set[int]:
    return {len(log.read_text().splitlines()) for log in folder.glob("*.log")}


class Killer(Listener):
    """Does something at every n-th result."""

    def __init__(self, every: int, most: int, act: Any) -> None:
        self.every, self.left, self.act, self.count = every, most, act, 0
        self.results: list[JobResult] = []

    def ended(self, result: JobResult) -> None:
        self.results.append(result)
        self.count += 1
        if self.left and self.count % self.every == 0:
            self.left -= 1
            self.act(result)


def test_a_file_that_ends_its_worker_twice_is_passed_over(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With a second job at a worker, what that had just made could be lost with its answer, and be skipped as done.
    monkeypatch.setattr("sharp_cli.batch.ray_pool.IN_FLIGHT", 1)
    jobs = jobs_of(tmp_path, "a", "die", "b", "die once", "bad", *"cdefgh")
    seen = Killer(1, 0, None)
    summary = work(jobs, seen)
    assert summary.state == "finished" and summary.problem is None
    assert dict(summary.counts) == {"made": 9, "failed": 2}
    failed = {result.job.source.name: result for result in seen.results if result.status == "failed"}
    assert "worker ended 2 times" in (failed["001.jpg"].reason or "") and failed["001.jpg"].facts["attempts"] == 3
    assert "damaged" in (failed["004.jpg"].reason or "")
    assert times_made(tmp_path) == {1}
    again = work(jobs)
    assert dict(again.counts) == {"skipped": 9, "failed": 2}


def test_killed_workers_and_a_lost_node_cost_no_result(cluster: Any, tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, *["work 0.05"] * 60)
    node = cluster.add_node(num_cpus=1)

    def kill(result: JobResult) -> None:
        pid = int(result.job.target.with_suffix(".log").read_text().splitlines()[0])
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def lose(result: JobResult) -> None:
        cluster.remove_node(node, allow_graceful=False)

    killer, loser = Killer(8, 5, kill), Killer(30, 1, lose)
    summary = work(jobs, killer, loser)
    assert dict(summary.counts) == {"made": 60} or summary.counts["made"] + summary.counts["skipped"] == 60
    assert len({result.job for result in killer.results}) == 60
    assert {path.read_text() for path in tmp_path.glob("*.ply")} == {"work 0.05"}
    assert len(list(tmp_path.glob("*.ply"))) == 60 and times_made(tmp_path) == {1}
    assert killer.left == loser.left == 0


def test_fail_fast_and_resuming(cluster: Any, tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, "bad", *["work 0.2"] * 8)
    summary = work(jobs, fail_fast=True)
    assert summary.state == "stopped" and summary.counts["failed"] == 1 and summary.done < 9
    (tmp_path / "000.jpg").write_text("good")
    assert work(jobs).counts.total() == 9
    assert times_made(tmp_path) == {1}
