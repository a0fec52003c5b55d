"""`sharp inspect` as its function and as a process: a table for people, strict JSON for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from sharp_cli import Camera, Gaussians, SharpError, write_ply
from sharp_cli.cli.inspect import inspect

app = typer.Typer()
app.command()(inspect)


def write(path: Path, **more: Any) -> Path:
    draw = torch.Generator().manual_seed(0)
    means, colors, quats = (torch.rand(50, k, generator=draw) for k in (3, 3, 4))
    splat = Gaussians(means + 1, means / 90 + 0.001, quats, colors[:, 0], colors, Camera(800, 600, 400.0))
    write_ply(path, replace(splat, **more))
    return path


def test_the_table_shows_what_is_in_the_file(tmp_path: Path) -> None:
    facts = {"weights": "random [bold]small[/bold]", "photo": "Größe\x1b[31m 😀.jpg"}
    path = write(tmp_path / "a.ply", facts=facts)
    run = CliRunner().invoke(app, [str(path)], env={"COLUMNS": "200"})
    assert run.exit_code == 0, run.exception
    shown = " ".join(run.stdout.split())
    for words in (
        "standard (binary little endian)",
        "Gaussians 50,",
        "800 × 600 px, focal length 400.0 px, field of view 90.0° × 73.7°",
        "harmonics none",
        "weights random [bold]small[/bold]",
        r"Größe\x1b[31m 😀.jpg",
    ):
        assert words in shown
    assert "\x1b" not in run.stdout


def test_problems_and_a_missing_camera_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ply", camera=None, quats=torch.zeros(50, 4))
    run = CliRunner().invoke(app, [str(path)], env={"COLUMNS": "200"})
    assert "problems 50 Gaussians (100.0 %) have a zero quaternion" in " ".join(run.stdout.split())
    assert "camera not in the file" in " ".join(run.stdout.split())


def test_json_is_strict_and_complete(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ply", means=torch.full((50, 3), 3e38), facts={"name": "\udc80"})
    run = CliRunner().invoke(app, [str(path), "--json"])
    assert run.exit_code == 0, run.exception

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found = json.loads(run.stdout, parse_constant=refuse)
    assert found["gaussians"] == 50
    assert found["camera"] == {"width": 800, "height": 600, "focal_px": 400.0}
    assert found["bounds"]["x"]["median"] == pytest.approx(3e38)
    assert set(found["opacity"]) == {"smallest", "q01", "median", "q99", "largest"}
    assert found["facts"] == {"name": "\udc80"}


def test_unreadable_files_are_explained(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_text("hello")
    run = CliRunner().invoke(app, [str(tmp_path / "a.ply")])
    assert isinstance(run.exception, SharpError)
    assert "not a .ply file" in str(run.exception)
    assert run.stdout == ""
