"""``sharp photo.jpg``: a photo in the place of a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharp_cli.cli.shorthand import with_command
from tests.helpers.commands import sharp

COMMANDS = {"convert", "render"}


@pytest.mark.parametrize("word", ["photo.jpg", "missing/IMG_1.HEIC", "folder", "*.png", "./convert.webp"])
def test_a_photo_or_a_folder_is_converted(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert with_command([word, "-o", "out"], COMMANDS) == ["convert", word, "-o", "out"]


def test_a_splat_is_shown(tmp_path: Path) -> None:
    (scene := tmp_path / "scene.spz").touch()
    assert with_command([str(scene)], COMMANDS) == ["view", str(scene)]


@pytest.mark.parametrize("words", [[], ["--help"], ["render", "a.ply"], ["covnert"], ["none.ply"], ["--", "a.jpg"]])
def test_everything_else_stays(words: list[str]) -> None:
    assert with_command(words, COMMANDS) == words


def test_the_command_line_takes_it(data: Path, tmp_path: Path) -> None:
    run = sharp(data / "china.jpg", "--dry-run", "--weights", "preview", "-o", tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("make")
    assert sharp("convertt").returncode == 2


@pytest.mark.usefixtures("nothing_downloaded")
def test_a_misspelled_photo_downloads_no_weights(tmp_path: Path) -> None:
    run = sharp("foto.jpg", cwd=tmp_path)
    assert run.returncode == 1 and "failed: cannot read foto.jpg: No such file or directory" in run.stderr
    assert "Downloading" not in run.stderr


@pytest.mark.parametrize("name", ["a.obj", "a.gltf", "a.usda", "a.mpeg", "a.jpeg"])
def test_results_of_formats_that_do_not_exist_are_no_folders(tmp_path: Path, name: str) -> None:
    (tmp_path / "b.ply").touch()
    run = sharp("export", "b.ply", name, "--dry-run", cwd=tmp_path)
    assert run.returncode == 2 and f"cannot make {name}" in run.stderr
