"""`sharp convert --ray` as on one machine: exit code, record, resuming."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import sharp, sharp_process
from test_convert_batch import encoded

from sharp_cli.batch.pipeline import run


@pytest.mark.slow
def test_a_batch_on_ray_ends_as_on_one_machine(tiny_weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    for index in range(3):
        (tmp_path / f"{index}.jpg").write_bytes(encoded(index))
    (tmp_path / "torn.jpg").write_bytes(b"no picture")
    package = str(Path(__file__).parents[2])
    env = {"PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}
    words = ("convert", ".", "-o", "out", "--weights", tiny_weights, "--device", "cpu", "--json", "record.json")
    run = sharp_process(*words, "--ray", "local", "--ray-cpus", "1", cwd=tmp_path, env=env)
    assert run.returncode == 1, run.stderr
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["state"] == "finished"
    assert [item["status"] for item in record["items"]] == ["made"] * 3 + ["failed"]
    assert record["items"][0]["input"] == "0.jpg" and record["items"][0]["gaussians"] == 131_072
    again = sharp(*words, cwd=tmp_path)
    assert "3 skipped" in again.stderr, "results of the cluster are those of one machine"


def test_what_ray_prints_does_not_mix_with_the_events(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chatty(jobs: Any, task: Any, listeners: Any, *, options: Any, **rules: Any) -> Any:
        sys.stdout.write("(raylet) A worker died or was killed\n")
        return run(jobs, task, listeners, **rules)

    monkeypatch.setattr("sharp_cli.batch.ray_pool.run_on_ray", chatty)
    (tmp_path / "a.jpg").write_bytes(encoded(0))
    words = ("convert", "a.jpg", "--weights", tiny_weights, "--device", "cpu", "--ray", "local", "--json", "-")
    done = sharp(*words, cwd=tmp_path)
    assert done.returncode == 0 and "(raylet)" in done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()]


def test_the_size_of_workers_needs_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(0))
    run = sharp("convert", "a.jpg", "--weights", "preview", "--ray-cpus", "2", cwd=tmp_path)
    assert run.returncode == 2 and "--ray" in run.stderr
