"""Shards of `sharp convert`: what they survive, and how soon a long list starts.

python benchmarks/shards.py start   # 100,000 listed photos: seconds from the process's start to the first splat
python benchmarks/shards.py kills   # 200 small photos in 8 shards, processes ended by SIGKILL at random, then the rest
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from batch import TINY, command, make_photos

from sharp_cli import read_ply
from sharp_cli.batch.summary import summarize
from sharp_cli.model.random_weights import random_tensors
from sharp_cli.weights.write import write_weights

SHARDS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["start", "kills"])
    parser.add_argument("--photos", type=int, help="100,000 or 200 by default")
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_weights(folder / "tiny.safetensors", random_tensors(TINY), TINY, {}, torch.float32)
        if arguments.what == "start":
            start(folder, arguments.photos or 100_000)
        else:
            kills(folder, arguments.photos or 200, arguments.kills, random.Random(arguments.seed))


def start(folder: Path, count: int) -> None:
    """Seconds until the first splat of a list, with and without a shard, and with a record on disk."""
    make_photos(folder / "seed", 1, (24, 32))
    photo = next((folder / "seed").iterdir()).read_bytes()
    names = []
    for index in range(count):
        path = folder / "in" / f"{index // 1000:03}" / f"p{index:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)
        names.append(os.fsencode(path))
    listed = folder / "list"
    listed.write_bytes(b"\0".join(names))
    print(f"| {count:,} listed photos | seconds to the first | processor seconds |\n| --- | --- | --- |")
    record = str(folder / "record.json")
    for name, words in (("", []), ("`--shard 3/8`", ["--shard", "3/8"]), ("`--json FILE`", ["--json", record])):
        begin, processor = time.perf_counter(), sum(os.times()[2:4])
        line = command("-", folder / "out", folder / "tiny.safetensors", *words)
        with (
            listed.open("rb") as stdin,
            subprocess.Popen(line, stdin=stdin, stderr=subprocess.PIPE, text=True) as process,
        ):
            assert process.stderr
            shown = process.stderr.readline()
            while shown and "] /" not in shown:  # lines of progress come first where loading takes long
                shown = process.stderr.readline()
            spent = time.perf_counter() - begin
            process.kill()
            process.wait()
        assert shown, process.returncode
        print(f"| {name} | {spent:.1f} | {sum(os.times()[2:4]) - processor:.1f} |", flush=True)


def kills(folder: Path, count: int, number: int, chance: random.Random) -> None:
    """Keep 8 shards running, kill a random one now and then, and look at every file after the last run.

    A kill comes after a random number of new splats, so that it meets processes at work, however slowly they start.
    """
    make_photos(folder / "in", count, (240, 320))
    made: dict[Path, int] = {}
    redone = 0

    def begin(shard: int, record: str) -> subprocess.Popen[bytes]:
        more = ("--shard", f"{shard}/{SHARDS}", "--json", str(folder / record))
        words = command(folder / "in", folder / "out", folder / "tiny.safetensors", *more)
        return subprocess.Popen(words, stderr=subprocess.DEVNULL)

    def look() -> None:
        nonlocal redone
        for path in (folder / "out").glob("*.ply"):
            redone += made.setdefault(path, path.stat().st_mtime_ns) != path.stat().st_mtime_ns

    running = {shard: begin(shard, f"0-{shard}.json") for shard in range(SHARDS)}
    for index in range(number):
        enough = min(len(made) + chance.randint(1, 2 * count // (3 * number)), count)
        while len(list((folder / "out").glob("*.ply"))) < enough:
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 0.5))
        shard = chance.randrange(SHARDS)
        running[shard].send_signal(signal.SIGKILL)
        running[shard].wait()
        look()
        print(f"kill {index + 1}: shard {shard}, {len(made)} splats", file=sys.stderr, flush=True)
        running[shard] = begin(shard, f"{index + 1}-{shard}.json")
    codes = [process.wait() for process in running.values()]
    last = [begin(shard, f"last-{shard}.json") for shard in range(SHARDS)]
    codes += [process.wait() for process in last]
    look()
    stray = [path for path in (folder / "out").iterdir() if path not in made]
    records = [path for path in folder.glob("*.json") if json.loads(path.read_bytes())["items"]]
    merged = summarize(records)
    whole = sum(len(read_ply(path)) > 0 for path in made)
    print("\n| photos | kills | splats | read in full | made twice | stray files | exit codes |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    row = (count, number, len(made), whole, redone, len(stray), sorted(set(codes)))
    print("|", " | ".join(map(str, row)), "|")
    print(f"\n{len(records)} records: {dict(merged.counts)}, {len(merged.running)} of killed runs")
    assert (set(codes), len(made), whole, redone, stray) == ({0}, count, count, 0, [])


if __name__ == "__main__":
    main()
