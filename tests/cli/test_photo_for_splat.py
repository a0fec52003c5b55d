"""A photo where a splat belongs: the refusal names the command that makes one."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import sharp
from splats import random_splat
from test_convert_batch import encoded

from sharp_cli import read_splat, write_splat
from sharp_cli.errors import SharpError

ADVICE = "(convert it first: `sharp convert PHOTO`)"


@pytest.mark.parametrize(
    "words", ["render", "render --dry-run", "export", "export --dry-run", "view --no-open", "inspect"]
)
@pytest.mark.parametrize("name", ["a.JPG", "a.png"])
def test_a_photo_is_to_be_converted_first(tmp_path: Path, words: str, name: str) -> None:
    (tmp_path / name).write_bytes(encoded(0, "PNG"))
    run = sharp(*words.split(), name, cwd=tmp_path)
    text = " ".join((run.stdout + run.stderr).split())
    assert run.returncode == 1 and f"cannot read {name}: it is a picture, not a splat {ADVICE}" in text
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_others_of_a_batch_continue(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(0))
    write_splat(tmp_path / "b.ply", random_splat())
    run = sharp("export", "a.jpg", "b.ply", "--format", "spz", "-o", "out", cwd=tmp_path)
    assert run.returncode == 1 and ADVICE in run.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.spz"]


def test_other_files_are_refused_before_the_run_too(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no splat")
    run = sharp("render", "notes.txt", "--dry-run", cwd=tmp_path)
    assert run.returncode == 1 and "unsupported splat format .txt" in run.stdout


def test_programs_can_branch_on_the_code(tmp_path: Path) -> None:
    with pytest.raises(SharpError) as caught:
        read_splat(tmp_path / "a.jpg")
    assert caught.value.code == "photo"
