"""`sharp convert --ray` on this machine: two workers against one, and what a batch survives.

python benchmarks/ray_batch.py rate    # small photos, one worker on one core, then two on two: photos a second
python benchmarks/ray_batch.py faults  # a worker killed five times, a node removed, the run interrupted and repeated
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import ray
import torch
from batch import TINY, make_photos
from ray.cluster_utils import Cluster
from ray_photos import KILLER, Noted, times_written, written

from sharp_cli import read_ply
from sharp_cli.batch.events import Listener
from sharp_cli.batch.ray_pool import RayOptions, run_on_ray
from sharp_cli.batch.task import Job
from sharp_cli.model.random_weights import random_tensors
from sharp_cli.weights.write import write_weights

OPTIONS = RayOptions("auto", cpus=1)
START = 20
"""Results that come before the clock starts: workers begin one after the other."""


class Holder:
    """Keeps a core from the workers."""

    def ping(self) -> None:
        pass


class Watch(Listener):
    """When each photo ended, how, and something to do then."""

    def __init__(self, act=lambda count: None) -> None:
        self.times: list[float] = []
        self.reasons: list[str] = []
        self.act = act

    def ended(self, result) -> None:
        self.times.append(time.perf_counter())
        if result.status == "failed":
            self.reasons.append(result.reason)
        self.act(len(self.times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rate", "faults"])
    parser.add_argument("--photos", type=int, default=2000)
    arguments = parser.parse_args()
    here = Path(__file__).parent
    os.environ["PYTHONPATH"] = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_weights(folder / "tiny.safetensors", random_tensors(TINY), TINY, {}, torch.float32)
        make_photos(folder / "in", arguments.photos, (120, 160))
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        try:
            (rate if arguments.what == "rate" else faults)(folder, cluster)
        finally:
            ray.shutdown()
            cluster.shutdown()


def jobs_of(folder: Path, out: str) -> list[Job]:
    photos = sorted((folder / "in").iterdir())
    return [Job(photo, folder / out / f"{photo.stem}.ply") for photo in photos]


def rate(folder: Path, cluster: Cluster) -> None:
    """One worker with half of the photos, two with all, and one with the other half: the machine's pace may drift."""
    jobs = jobs_of(folder, "out")
    half = len(jobs) // 2
    print(f"cores busy with other work: {busy_cores():.2f}\n")
    print("| workers | photos | seconds | photos a second | of the driver, ms |")
    print("| --- | --- | --- | --- | --- |")
    count, seconds = {1: 0, 2: 0}, {1: 0.0, 2: 0.0}
    for workers, part in ((1, jobs[:half]), (2, jobs), (1, jobs[half:])):
        for taken in (*folder.glob("core-*"), *folder.glob("out/*")):
            taken.unlink()
        watch = Watch()
        # The cluster has two nodes of one core; a piece of it that nobody uses leaves room for one worker only.
        hold = ray.remote(Holder).options(num_cpus=1).remote() if workers == 1 else None
        if hold is not None:
            ray.get(hold.ping.remote())
        own = time.process_time()
        summary = run_on_ray(part, Noted(folder, pinned=True), [watch], options=OPTIONS)
        assert summary.counts == {"made": len(part)}, summary.counts
        if hold is not None:
            ray.kill(hold)
        done, spent = len(part) - START, watch.times[-1] - watch.times[START - 1]
        count[workers] += done
        seconds[workers] += spent
        own = (time.process_time() - own) / len(part) * 1000  # of its processor, for a photo
        print(f"| {workers} | {len(part):,} | {spent:.1f} | {done / spent:.2f} | {own:.1f} |", flush=True)
    ratio = count[2] / seconds[2] / (count[1] / seconds[1])
    print(f"\ntwo workers against one: {ratio:.2f}; cores busy with other work: {busy_cores():.2f}")


def faults(folder: Path, cluster: Cluster) -> None:
    """Three runs: kills, a node that goes away, and Ctrl-C; then the rest with more kills; then nothing to do."""
    for name in ("torn-1.jpg", "torn-2.jpg", KILLER):
        (folder / "in" / name).write_bytes(b"\xff\xd8\xff\xe0 torn")
    jobs = jobs_of(folder, "out")
    node = cluster.add_node(num_cpus=1)
    killed: list[int] = []

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.kill(written(folder)[-1][0], signal.SIGKILL)
            killed.append(1)

    def first(count: int) -> None:
        step = len(jobs) // 10
        if count % step == 0 and len(killed) < 3:
            kill()
        if count == 4 * step:
            cluster.remove_node(node, allow_graceful=False)
        if count == 6 * step:
            raise KeyboardInterrupt

    def second(count: int) -> None:
        left = (len(jobs) - 6 * (len(jobs) // 10)) // 4
        if count % left == 0 and len(killed) < 5 and count > len(before):
            kill()

    print("| run | made | skipped | failed | workers killed | seconds |\n| --- | --- | --- | --- | --- | --- |")
    before: list[str] = []
    attempt(folder, jobs, "1, node removed, interrupted", first, killed)
    before = sorted(times_written(folder))
    attempt(folder, jobs, "2", second, killed)
    last = attempt(folder, jobs, "3", lambda count: None, killed)
    report(folder, jobs, last)


def attempt(folder: Path, jobs: list[Job], name: str, act, killed: list[int]) -> Watch:
    """One run of the command, as a row of the table."""
    watch, start, already = Watch(act), time.perf_counter(), len(killed)
    before = sum(times_written(folder).values())
    with suppress(KeyboardInterrupt):
        run_on_ray(jobs, Noted(folder), [watch], options=OPTIONS)
    made = sum(times_written(folder).values()) - before
    failed = len(watch.reasons)
    row = (name, made, len(watch.times) - made - failed, failed, len(killed) - already)
    print("|", " | ".join(map(str, row)), f"| {time.perf_counter() - start:.1f} |", flush=True)
    return watch


def report(folder: Path, jobs: list[Job], last: Watch) -> None:
    """What lies in the folder for results, file by file."""
    files = sorted((folder / "out").iterdir())
    times = times_written(folder)
    good = {job.target for job in jobs if job.source.name.startswith("p")}
    whole = sum(len(read_ply(path)) > 0 for path in files if path.suffix == ".ply")
    print(f"\n{len(good & set(files)):,} of {len(good):,} splats, {whole:,} of them read in full, "
          f"{len(set(files) - good)} other files, {sum(n > 1 for n in times.values())} written twice")  # fmt: skip
    print(*(f"- {reason.replace(str(folder), 'FOLDER')}" for reason in sorted(last.reasons)), sep="\n")
    assert set(files) == good and whole == len(good) and len(last.reasons) == 3
    assert max(times.values()) == 1


def busy_cores(seconds: float = 2.0) -> float:
    """Cores that all processes of the machine keep busy."""

    def ticks() -> int:
        user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
        return user + nice + system

    before = ticks()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


if __name__ == "__main__":
    main()
