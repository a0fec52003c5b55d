"""`sharp demo`, and what a wheel must hold for it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from commands import sharp

from sharp_cli import read_splat
from sharp_cli.cli import demo

ROOT = Path(__file__).parents[2]


def test_the_demo_makes_a_splat_and_a_film_and_again_nothing(tmp_path: Path) -> None:
    run = sharp("demo", "--no-open", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [str(Path("sharp-demo", name)) for name in ("coffee.ply", "coffee.mp4")]
    assert len(read_splat(tmp_path / "sharp-demo" / "coffee.ply")) == 131_072
    assert (tmp_path / "sharp-demo" / "coffee.mp4").stat().st_size > 10_000
    assert "sharp view" in run.stderr
    again = sharp("demo", "--no-open", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, run.stdout)
    assert "nothing to do" in again.stderr


def test_the_demo_opens_the_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Path] = []
    monkeypatch.setattr(demo, "show", shown.append)
    monkeypatch.setattr(demo, "run_batch", lambda *arguments: None)
    monkeypatch.setattr(demo, "finish", lambda summary: None)
    assert sharp("demo", "-o", tmp_path / "d").returncode == 0
    assert shown == [tmp_path / "d" / "coffee.ply"]


def test_a_missing_photo_is_named_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "BUNDLED_IN", (tmp_path,))
    run = sharp("demo", "--no-open", cwd=tmp_path)
    assert run.returncode == 1
    assert "install sharp-cli again" in run.stderr


def test_the_wheel_gets_the_files_that_lie_outside_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for source, target in included.items():
        assert (ROOT / source).is_file()
        assert (ROOT / target).parent.is_dir()
    assert {Path(source).name for source in included} == {"preview.safetensors", demo.PHOTO}
    assert (ROOT / "sharp_cli" / "py.typed").exists()
    scripts = project["project"]["scripts"]
    assert scripts["sharp"] == scripts["sharp-cli"]
