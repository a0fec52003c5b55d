"""Predict how long a large batch takes and how much work is lost: stragglers, preemption, failures.

python benchmarks/simulate_scale.py                      # the tables of docs/scale.md
python benchmarks/simulate_scale.py --photos 1000000 --workers 1000 --seconds 87 --chunk 100 --preempt-hours 4

A discrete simulation: workers take the next chunk of photos when they are free (as with Ray, chunk 1), or each has a
fixed share (as with shards). A photo's seconds vary as measured; a worker may be slower than the others; it is
preempted at random, loses the photo that it works on, and comes back after a while with the network to load again.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Setting:
    """What is simulated. Times in seconds."""

    photos: int = 1_000_000
    workers: int = 1000
    seconds: float = 87.0
    """Of a photo on an ordinary worker."""
    spread: float = 0.1
    """Standard deviation of a photo's time, as a part of it."""
    slow_share: float = 0.02
    slow_factor: float = 3.0
    """Workers that are slower than the others, and how much."""
    load: float = 7.0
    """Before a worker's first photo, and after each preemption."""
    preempt_hours: float = 0.0
    """Mean time until a worker is preempted; 0: never."""
    away: float = 300.0
    """From a preemption to the worker's return."""
    failures: float = 0.001
    """Photos that fail, after their whole time, and are tried once more."""
    chunk: int = 1
    """Photos that a worker takes at once. 0: a fixed share for each."""


def simulate(setting: Setting, seed: int = 0) -> dict[str, float]:
    """Hours until the last photo, and the parts of all workers' time that made no splat."""
    rng = np.random.default_rng(seed)
    speed = np.where(rng.random(setting.workers) < setting.slow_share, setting.slow_factor, 1.0)
    if setting.chunk == 0:
        shares = rng.multinomial(setting.photos, np.full(setting.workers, 1 / setting.workers))
        ends = [run(setting, rng, int(n), speed[w], setting.load, preemption(setting, rng))
                for w, n in enumerate(shares)]  # fmt: skip
        finish = [end for end, _, _ in ends]
        lost = sum(waste for _, waste, _ in ends)
    else:
        finish, lost = queue(setting, rng, speed)
    makespan = max(finish)
    idle = sum(makespan - end for end in finish)
    useful = setting.photos * setting.seconds
    return {
        "hours": makespan / 3600,
        "ideal": useful / setting.workers / 3600,
        "lost": lost / useful,
        "idle": idle / (makespan * setting.workers),
    }


def queue(setting: Setting, rng: np.random.Generator, speed: np.ndarray) -> tuple[list[float], float]:
    """Workers take chunks as they become free; return when each ends, and the seconds lost."""
    free = [(setting.load, worker, preemption(setting, rng)) for worker in range(setting.workers)]
    heapq.heapify(free)
    left, lost = setting.photos, setting.load * setting.workers
    finish = [0.0] * setting.workers
    while free:
        now, worker, preempted = heapq.heappop(free)
        take = min(setting.chunk, left)
        if not take:
            finish[worker] = now
            continue
        left -= take
        end, waste, preempted = run(setting, rng, take, speed[worker], now, preempted)
        lost += waste
        heapq.heappush(free, (end, worker, preempted))
    return finish, lost


def run(
    setting: Setting, rng: np.random.Generator, count: int, slowness: float, start: float, preempted: float
) -> tuple[float, float, float]:
    """One worker's photos: when they end, the seconds lost, and its next preemption."""
    each = setting.seconds * slowness
    again = rng.binomial(count, setting.failures)
    work = (count + again) * each + rng.normal(0, setting.spread * each * np.sqrt(max(1, count)))
    lost = again * each + count * setting.seconds * (slowness - 1)
    end = start + max(work, 0.0)
    while preempted < end:
        redone = rng.random() * each  # of the photo that it was working on: finished ones are on disk
        end += setting.away + setting.load + redone
        lost += setting.away + setting.load + redone
        preempted += setting.away + preemption(setting, rng)
    return end, lost, preempted


def preemption(setting: Setting, rng: np.random.Generator) -> float:
    return rng.exponential(setting.preempt_hours * 3600) if setting.preempt_hours else np.inf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in vars(Setting()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value))
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    base = replace(Setting(), **given)
    print("| photos | workers | taken as | preempted every | hours | ideal | lost | idle at the end |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    if given:
        print(row(base))
        return
    for hours in (0.0, 4.0):
        for chunk in (0, 1000, 100, 1):
            print(row(replace(base, chunk=chunk, preempt_hours=hours)))
    print(row(replace(base, photos=100_000, workers=1000, chunk=0)))
    print(row(replace(base, photos=100_000, workers=1000, chunk=1)))


def row(setting: Setting) -> str:
    result = simulate(setting)
    taken = "fixed shares" if setting.chunk == 0 else f"chunks of {setting.chunk}"
    preempted = f"{setting.preempt_hours:g} h" if setting.preempt_hours else "never"
    return (
        f"| {setting.photos:,} | {setting.workers:,} | {taken} | {preempted} | {result['hours']:.2f} | "
        f"{result['ideal']:.2f} | {result['lost']:.1%} | {result['idle']:.1%} |"
    )


if __name__ == "__main__":
    main()
