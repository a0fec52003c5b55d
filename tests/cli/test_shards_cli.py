"""Parts of a batch on several machines: nothing is lost and nothing done twice, even if processes are killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from commands import sharp
from test_convert_batch import command, encoded

from sharp_cli import read_ply


def photos(folder: Path, count: int) -> None:
    folder.mkdir()
    for index in range(count):
        (folder / f"{index:03}.jpg").write_bytes(encoded(index))


def test_shards_make_every_splat_once(tiny_weights: Path, tmp_path: Path) -> None:
    photos(tmp_path / "in", 7)
    (tmp_path / "in" / "000.png").write_bytes(encoded(9, "PNG"))  # wants the name 000.ply too
    words = ("convert", "in", "-o", "out", "--weights", tiny_weights, "--device", "cpu")
    one = sharp(*words, "--shard", "0/2", "--json", "0.json", cwd=tmp_path)
    variables = {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "2"}
    other = sharp(*words, "--shard", "auto", "--json", "1.json", cwd=tmp_path, env=variables)
    assert (one.returncode, other.returncode) == (0, 0), one.stderr + other.stderr
    items = [json.loads((tmp_path / f"{i}.json").read_text())["items"] for i in range(2)]
    assert all(items) and sum(map(len, items)) == 8
    assert len({item["output"] for part in items for item in part}) == 8
    merged = sharp("batch", "summary", "0.json", "1.json", "--json", cwd=tmp_path)
    assert (merged.returncode, json.loads(merged.stdout)["made"]) == (0, 8)
    whole = sharp(*words, cwd=tmp_path)
    assert (whole.returncode, "nothing to do" in whole.stderr) == (0, True)


def test_summary_names_failures_and_has_their_exit_code(tmp_path: Path) -> None:
    items = [{"input": "a.jpg", "output": "a.ply", "status": "failed", "reason": "a.jpg: torn"}]
    (tmp_path / "r.json").write_text(json.dumps({"state": "finished", "seconds": 1, "items": items}))
    run = sharp("batch", "summary", "r.json", cwd=tmp_path)
    assert run.returncode == 1
    assert "failed  a.jpg: torn" in run.stdout and "1 failed" in run.stdout


@pytest.mark.parametrize("shard", ["3", "2/2", "auto"])
def test_a_wrong_shard_is_wrong_use(tmp_path: Path, shard: str) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(0))
    run = sharp("convert", "a.jpg", "--weights", "preview", "--shard", shard, cwd=tmp_path)
    assert run.returncode == 2 and "I/N" in run.stderr


def test_a_shard_without_inputs_has_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(0))
    runs = [
        sharp("convert", "a.jpg", "--weights", "preview", "--shard", f"{i}/9", "--dry-run", cwd=tmp_path)
        for i in range(9)
    ]
    assert [run.returncode for run in runs] == [0] * 9
    assert sum(run.stdout.count("make") for run in runs) == 1


def planned(*words: object, cwd: Path) -> set[str]:
    """The names of the splats that a run would make."""
    run = sharp("convert", *words, "--weights", "preview", "--dry-run", cwd=cwd)
    assert run.returncode == 0, run.stderr
    return {Path(line.rpartition(" → ")[2]).name for line in run.stdout.splitlines()}


def test_workers_that_spell_the_folder_differently_share_it(tmp_path: Path) -> None:
    for place in ("mac", "nas/deep"):
        (tmp_path / place).mkdir(parents=True)
        photos(tmp_path / place / "in", 12)
    mac, nas = tmp_path / "mac", tmp_path / "nas" / "deep"
    parts = [
        planned("in", "--shard", "0/4", cwd=mac),
        planned(mac / "in", "--shard", "1/4", cwd=tmp_path),
        planned(nas / "in", "--shard", "2/4", cwd=tmp_path),
        planned(".", "--shard", "3/4", cwd=nas / "in"),
    ]
    assert all(parts) and sum(map(len, parts)) == 12
    assert set().union(*parts) == {f"{index:03}.ply" for index in range(12)}


def test_a_list_is_shared_wherever_its_files_lie(tmp_path: Path) -> None:
    parts = []
    for index, folder in enumerate(("one", "two/three")):
        (tmp_path / folder).mkdir(parents=True)
        photos(tmp_path / folder / "in", 9)
        words = sorted((tmp_path / folder / "in").iterdir())
        parts.append(planned(*words, "--shard", f"{index}/2", cwd=tmp_path))
    assert sum(map(len, parts)) == len(parts[0] | parts[1]) == 9


def test_photos_from_the_web_are_not_split(tmp_path: Path) -> None:
    run = sharp("convert", "https://localhost/a.jpg", "-o", "out", "--shard", "0/2", cwd=tmp_path)
    assert run.returncode == 2 and "addresses" in run.stderr


def test_an_empty_list_has_nothing_to_do(tiny_weights: Path, tmp_path: Path) -> None:
    words = ("convert", "-", "-o", "out", "--weights", tiny_weights)
    run = sharp(*words, cwd=tmp_path, stdin=b"")
    assert run.returncode == 0 and "nothing to do: no photos in the list" in run.stderr
    run = sharp(*words, "--dry-run", cwd=tmp_path, stdin=b"")
    assert (run.returncode, run.stdout) == (0, "") and "nothing to do" in run.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_eight_shards_killed_at_random_lose_nothing_and_redo_nothing(tiny_weights: Path, tmp_path: Path) -> None:
    photos(tmp_path / "in", 40)
    chance = random.Random(3)
    made: dict[Path, int] = {}

    def look() -> None:
        for path in tmp_path.glob("out/*.ply"):
            assert made.setdefault(path, path.stat().st_mtime_ns) == path.stat().st_mtime_ns, "made twice"

    def start(shard: int, record: str) -> subprocess.Popen[bytes]:
        words = ("in", "-o", "out", "--weights", tiny_weights, "--device", "cpu", "--shard", f"{shard}/8")
        return subprocess.Popen(
            command(*words, "--json", record), cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )

    for attempt in range(2):
        processes = [start(shard, f"{attempt}-{shard}.json") for shard in range(8)]
        for process in chance.sample(processes, 8):  # each after its first few lines, in an order of its own
            assert process.stderr is not None
            for _ in range(chance.randint(0, 2)):
                process.stderr.readline()
            process.kill()
            process.communicate()
        look()
    last = [start(shard, f"last-{shard}.json") for shard in range(8)]
    assert [process.communicate() and process.returncode for process in last] == [0] * 8
    look()
    assert {path.name for path in made} == {f"{index:03}.ply" for index in range(40)}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in made)
    assert all(len(read_ply(path)) == 131_072 for path in list(made)[::10])
    merged = sharp("batch", "summary", *sorted(p.name for p in tmp_path.glob("last-*.json")), cwd=tmp_path)
    assert merged.returncode == 0, merged.stdout
