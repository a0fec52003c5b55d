"""Every command of docs/recipes.md is one that ``sharp`` understands; those with a dry run are planned in earnest."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from clips import write_clip
from commands import sharp

from sharp_cli.cli import app
from sharp_cli.cli.shorthand import with_command

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
PLANNED = ("convert", "render", "export", "panorama")


def commands() -> list[str]:
    """The lines of the page."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def words_of(line: str) -> list[str]:
    """The words of ``sharp`` in a line: after pipes and variables, before redirections. None: another program's."""
    for part in line.split(" | "):
        words = shlex.split(part)
        if "sharp" in words:
            words = words[words.index("sharp") + 1 :]
            end = next((i for i, word in enumerate(words) if word in ("<", ">")), len(words))
            return words[:end]
    return []


LINES = [line for line in commands() if words_of(line) or line == "sharp"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the page names, and a profile."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "photos").mkdir()
    for name in ("photo.jpg", "IMG_3.jpg", "room.jpg", "photos/a.jpg", "sharp_2572gikvuh.pt"):
        shutil.copy(ROOT / "examples" / "china.jpg", folder / name)
    write_clip(folder / "clip.mp4", [np.zeros((48, 64, 3), np.uint8)] * 3)
    (folder / "clip_frames").mkdir()
    (folder / "clip_frames" / "a.ply").write_bytes(b"ply\n")
    (folder / "scene.ply").write_bytes(b"ply\n")
    (folder / "sharp.toml").write_text("[profiles.quest.convert]\nformat = 'spz'\n", encoding="utf-8")
    return folder


def test_there_are_at_least_twenty_tasks() -> None:
    assert len(LINES) >= 20
    assert len(set(LINES)) == len(LINES)


@pytest.mark.parametrize("line", LINES)
def test_a_recipe_is_understood(line: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    root: Any = typer.main.get_command(app)
    Path("photo.ply").write_bytes(b"ply\n")
    words = with_command(words_of(line), list(root.commands))
    context = root.make_context("sharp", list(words))
    command, path = root, list(words)
    while hasattr(command, "commands"):
        command = command.get_command(context, path.pop(0))
        assert command is not None
        context = command.make_context(command.name, list(path) or ["--help"], parent=context, resilient_parsing=True)
    if words[0] == "convert":
        Path("photo.ply").unlink()
    if words[0] in PLANNED and "-" not in words[:2]:
        run = sharp(*words, *([] if "--dry-run" in words else ["--dry-run"]))
        assert run.returncode == 0, run.stderr
        assert "make" in run.stdout or "--shard" in words
    else:
        command.make_context(command.name, path, parent=context.parent)
