"""Paths that a library's user writes by hand, where no shell replaces ``~``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sharp_cli import SharpError, load_predictor, read_photo, read_ply, read_splat, render_film, write_ply, write_splat
from sharp_cli.cameras.camera_file import read_views
from sharp_cli.cameras.trajectories import trajectory
from sharp_cli.cameras.transforms import write_transforms
from sharp_cli.runtime.files import user_path
from sharp_cli.viewer.export import write_html
from tests.helpers.splats import grid_splat


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def test_a_tilde_is_the_home_folder(home: Path, data: Path, small_weights: Path) -> None:
    shutil.copy(data / "china.jpg", home)
    shutil.copy(small_weights, home / "w.safetensors")
    gaussians = grid_splat()
    assert read_photo("~/china.jpg").width > 0
    assert load_predictor("~/w.safetensors", device="cpu").network
    for name in ("a.ply", "a.spz", "a.compressed.ply"):
        write_splat(f"~/{name}", gaussians)
        assert len(read_splat(f"~/{name}")) == len(gaussians)
    write_ply(Path("~/b.ply"), gaussians)
    assert len(read_ply("~/b.ply")) == len(gaussians)
    write_html("~/b.html", gaussians, "b")
    write_transforms("~/cameras.json", [trajectory("still", gaussians, frames=1, size=16)])
    assert read_views("~/cameras.json")
    render_film(gaussians, "~/b.gif", frames=1, size=16, backend="cpu")
    names = {"china.jpg", "w.safetensors", "a.ply", "a.spz", "a.compressed.ply", "b.ply", "b.html", "b.gif"}
    assert {path.name for path in home.iterdir()} == {*names, "cameras.json"}
    assert list(Path.cwd().iterdir()) == []


def test_what_is_really_called_so_comes_first(home: Path) -> None:
    assert user_path("~/a") == home / "a"
    assert user_path("a/~/b") == Path("a/~/b")
    assert user_path("~no-such-user.jpg") == Path("~no-such-user.jpg")
    Path("~").mkdir()
    assert user_path("~/a") == Path("~/a")


@pytest.mark.parametrize("name", ["x.splat", "x.compressed.ply", "x.spz"])
def test_write_ply_refuses_the_names_of_other_formats(name: str, tmp_path: Path) -> None:
    with pytest.raises(SharpError, match="write_splat"):
        write_ply(tmp_path / name, grid_splat())
    assert list(tmp_path.iterdir()) == []
