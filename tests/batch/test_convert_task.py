"""Between the network and the file: what a GPU packs before it begins the next photo."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sharp_cli import Camera, Gaussians, write_ply
from sharp_cli.batch.clip import ClipTask
from sharp_cli.batch.convert import ConvertTask, Recipe
from sharp_cli.batch.network import Network
from sharp_cli.batch.provenance import Provenance
from sharp_cli.batch.task import Job, JobResult, Work
from sharp_cli.gaussians.fit import Fit


def splat() -> Gaussians:
    one = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    return Gaussians(one, one, torch.ones(50, 4), one[:, 0], one, Camera(4, 3, 5.0))


def computed(task: ConvertTask, monkeypatch: pytest.MonkeyPatch, target: Path) -> tuple[Work, Any]:
    """What a task's middle stage leaves behind, with a predictor that says it is on CUDA."""
    predictor = SimpleNamespace(
        device=torch.device("cuda"), run_network=lambda *_: None, to_camera_space=lambda *_: [splat()]
    )
    monkeypatch.setattr(task, "_loaded", lambda work: predictor)
    job = Job(Path("photo.jpg"), target)
    work = Work(job, JobResult(job), missing=(target,), provenance=Provenance("a", "b", "c", "d", "e", "f"))
    return work, task._predict(work, SimpleNamespace(width=4, height=3))  # type: ignore[arg-type]


def test_rows_begun_ahead_become_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = ConvertTask(Recipe(), Network())
    work, output = computed(task, monkeypatch, tmp_path / "photo.ply")
    assert work.rows is not None
    task.write(work, None, output)  # type: ignore[arg-type]
    assert work.provenance is not None
    write_ply(tmp_path / "plain.ply", splat(), provenance={**work.provenance.facts(), "gaussians": "50"})
    assert (tmp_path / "photo.ply").read_bytes() == (tmp_path / "plain.ply").read_bytes()


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        (Recipe(fit=Fit(max_gaussians=10)), "photo.ply"),
        (Recipe(axes="opengl"), "photo.ply"),
        (Recipe(suffix=".splat"), "photo.splat"),
        (Recipe(suffix=".compressed.ply"), "photo.compressed.ply"),
    ],
)
def test_what_changes_the_values_begins_no_rows(
    recipe: Recipe, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = ConvertTask(recipe, Network())
    work, output = computed(task, monkeypatch, tmp_path / name)
    assert work.rows is None
    task.write(work, None, output)  # type: ignore[arg-type]
    assert (tmp_path / name).is_file()


def test_frames_of_clips_are_scaled_before_they_are_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = ClipTask(tmp_path / "clip.mp4", 1, tmp_path, Recipe(), Network())
    work, _ = computed(task, monkeypatch, tmp_path / "frame_00000.ply")
    assert work.rows is None
