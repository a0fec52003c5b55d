"""`sharp convert --ray` on this machine: two workers against one, and what a batch survives.

python benchmarks/ray_batch.py rate    # small photos, one worker with one core, then two: photos a second
python benchmarks/ray_batch.py faults  # a worker killed five times and one node removed: every result, none twice
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import ray
import torch
from batch import TINY, make_photos
from ray.cluster_utils import Cluster

from sharp_cli.batch.convert import ConvertTask, Network, Recipe
from sharp_cli.batch.events import Listener
from sharp_cli.batch.ray_pool import RayOptions, run_on_ray
from sharp_cli.batch.task import Job
from sharp_cli.model.random_weights import random_tensors
from sharp_cli.weights.write import write_weights

HELPERS = Path(__file__).parents[1] / "tests" / "helpers"


class Holder:
    """Keeps a core from the workers."""

    def ping(self) -> None:
        pass


class Times(Listener):
    """When each photo ended, and something to do then."""

    def __init__(self, act=lambda result, count: None) -> None:
        self.times: list[float] = []
        self.act = act

    def ended(self, result) -> None:
        self.times.append(time.perf_counter())
        self.act(result, len(self.times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rate", "faults"])
    parser.add_argument("--photos", type=int, default=2000)
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HELPERS), os.environ.get("PYTHONPATH", "")])  # of the workers
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    with tempfile.TemporaryDirectory() as folder:
        (rate if arguments.what == "rate" else faults)(Path(folder), arguments.photos, cluster)
    ray.shutdown()
    cluster.shutdown()


def rate(folder: Path, count: int, cluster: Cluster) -> None:
    """Photos a second between the tenth result and the last, which leaves the start of the workers out."""
    write_weights(folder / "tiny.safetensors", random_tensors(TINY), TINY, {}, torch.float32)
    make_photos(folder / "in", count, (120, 160))
    photos = sorted((folder / "in").iterdir())
    rates = {}
    for workers in (1, 2, 1, 2):
        out = folder / f"out{workers}-{len(rates)}-{time.monotonic_ns()}"
        task = ConvertTask(Recipe(), Network(str(folder / "tiny.safetensors"), "cpu", "fp32"))
        jobs = [Job(photo, out / f"{photo.stem}.ply") for photo in photos]
        times = Times()
        # The cluster has two nodes of one core; a piece of it that nobody uses leaves room for one worker only.
        hold = ray.remote(Holder).options(num_cpus=1).remote() if workers == 1 else None
        if hold is not None:
            ray.get(hold.ping.remote())
        run_on_ray(jobs, task, [times], options=RayOptions("auto", cpus=1))
        if hold is not None:
            ray.kill(hold)
        seconds = times.times[-1] - times.times[9]
        rates.setdefault(workers, []).append((count - 10) / seconds)
        print(f"{workers} workers: {rates[workers][-1]:.2f} photos a second", flush=True)
    print(f"two against one: {np.mean(rates[2]) / np.mean(rates[1]):.2f}")


def faults(folder: Path, count: int, cluster: Cluster) -> None:
    """Small pieces of work in place of photos."""
    sys.path.insert(0, str(HELPERS))
    from ray_tasks import Obedient

    node = cluster.add_node(num_cpus=1)

    def act(result, done: int) -> None:
        if done % (count // 7) == 0 and done // (count // 7) <= 5:
            pid = int(result.job.target.with_suffix(".log").read_text().splitlines()[0])
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if done == count // 2:
            cluster.remove_node(node, allow_graceful=False)

    (folder / "in").mkdir()
    jobs = []
    for index in range(count):
        (folder / "in" / f"{index}.jpg").write_text("die" if index == 7 else "work 0.01")
        jobs.append(Job(folder / "in" / f"{index}.jpg", folder / "in" / f"{index}.ply"))
    start = time.perf_counter()
    summary = run_on_ray(jobs, Obedient(), [Times(act)], options=RayOptions("auto", cpus=1))
    logs = [len(log.read_text().splitlines()) for log in (folder / "in").glob("*.log")]
    whole = sum(path.read_text() == "work 0.01" for path in (folder / "in").glob("*.ply"))
    print(f"{dict(summary.counts)} in {time.perf_counter() - start:.1f} s; {whole} whole files, "
          f"{sum(n > 1 for n in logs)} written twice")  # fmt: skip
    again = run_on_ray(jobs, Obedient(), options=RayOptions("auto", cpus=1))
    print(f"the same command again: {dict(again.counts)}")


if __name__ == "__main__":
    main()
