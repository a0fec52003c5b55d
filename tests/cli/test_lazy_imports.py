"""Commands import only what they need: no services, clusters or stores for a photo, no torch for splat files."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from splats import grid_splat
from test_convert_batch import encoded

from sharp_cli import write_splat

HEAVY = ["ray", "fsspec", "s3fs", "starlette", "uvicorn", "watchfiles"]

CODE = """
import json, sys
from sharp_cli.cli import main
code = 0
try:
    main(json.loads(sys.argv[1]))
except SystemExit as end:
    code = end.code
print(json.dumps([code, [name for name in json.loads(sys.argv[2]) if name in sys.modules]]))
"""


def imported(folder: Path, words: list[str], names: list[str]) -> list[str]:
    """Which of these modules a command that succeeds has imported."""
    command = [sys.executable, "-c", CODE, json.dumps(words), json.dumps(names)]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    code, found = json.loads(run.stdout.splitlines()[-1])
    assert not code, run.stderr
    assert isinstance(found, list)
    return found


def test_converting_a_photo_imports_none_of_them(tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(0))
    words = ["convert", "a.jpg", "--weights", str(tiny_weights), "--device", "cpu", "-q"]
    assert imported(tmp_path, words, HEAVY) == []
    assert (tmp_path / "a.ply").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "a.ply", "--against", "b.spz"],
        ["export", "a.ply", "c.sog", "-q"],
        ["export", "a.ply", "c.glb", "-q"],
        ["export", "a.ply", "c.splat", "--axes", "opengl", "-q"],
        ["export", "a.ply", "c.compressed.ply", "-q"],
        ["export", "a.ply", "c.html", "-q"],
        ["export", "b.spz", "c.ply", "-q"],
    ],
    ids=" ".join,
)
def test_splat_files_are_read_and_written_without_torch(words: list[str], tmp_path: Path) -> None:
    for name in ("a.ply", "b.spz"):
        write_splat(tmp_path / name, replace(grid_splat(), camera=None, up="z"))
    assert imported(tmp_path, words, ["torch", *HEAVY]) == []


def test_the_viewer_imports_no_torch() -> None:
    code = "import sys, sharp_cli.viewer.server, sharp_cli.cli.view; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
