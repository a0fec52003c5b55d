"""Standard streams that are closed, full, or of an encoding that lacks characters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sharp_cli import write_ply
from sharp_cli.cli.streams import _Dropping
from tests.helpers.splats import random_splat

PLAN = "convert zoë漢.png -o out --weights WEIGHTS --dry-run"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    Image.new("RGB", (32, 24)).save(folder / "zoë漢.png")
    write_ply(folder / "zoë漢.ply", random_splat())
    return folder


def run(words: str, folder: Path, weights: Path, *, redirect: str = "", encoding: str = "utf-8") -> tuple[int, str]:
    """The exit code and what a shell's redirections leave of the output."""
    parts = [sys.executable, "-m", "sharp_cli", *words.replace("WEIGHTS", str(weights)).split()]
    command = " ".join(f"'{part}'" for part in parts)
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(["sh", "-c", f"{command} {redirect}"], cwd=folder, env=environment, capture_output=True)
    return done.returncode, (done.stdout + done.stderr).decode(encoding)


@pytest.mark.parametrize(
    ("words", "encoding"), [("inspect zoë漢.ply", "cp437"), ("inspect zoë漢.ply", "ascii"), (PLAN, "cp1252")]
)
def test_characters_that_the_output_lacks_are_escaped(
    words: str, encoding: str, folder: Path, tiny_weights: Path
) -> None:
    code, output = run(words, folder, tiny_weights, encoding=encoding)
    assert code == 0, output
    assert "\\u6f22" in output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["formats", PLAN])
def test_a_full_stdout_is_one_sentence(words: str, folder: Path, tiny_weights: Path) -> None:
    code, output = run(words, folder, tiny_weights, redirect=">/dev/full")
    assert code == 1
    assert output.startswith("sharp: cannot write to standard output")
    assert output.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="redirections of a POSIX shell")
@pytest.mark.parametrize("words", ["inspect zoë漢.ply", PLAN, "convert - --weights WEIGHTS --dry-run"])
def test_closed_streams_do_no_harm(words: str, folder: Path, tiny_weights: Path) -> None:
    assert run(words, folder, tiny_weights, redirect="<&- >&- 2>&-") == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_log_does_not_stop_a_batch(folder: Path, tiny_weights: Path) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (32, 24)).save(folder / f"{name}.png")
    words = "convert a.png b.png -o logged --device cpu --weights WEIGHTS"
    assert run(words, folder, tiny_weights, redirect="2>/dev/full") == (0, "")
    assert {path.name for path in (folder / "logged").iterdir()} == {"a.ply", "b.ply"}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes that do not wait are POSIX")
def test_what_a_full_pipe_takes_in_part_is_noticed() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    file = _Dropping(writing, "w")
    assert file.write(bytes(1 << 22)) == 1 << 22
    assert isinstance(file.problem, BlockingIOError)
    file.close()
    with open(reading, "rb") as pipe:  # noqa: PTH123  a descriptor
        assert 0 < len(pipe.read()) < 1 << 22
