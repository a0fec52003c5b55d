"""``--json``, ``--save-cameras`` and ``--sheets`` replace nothing but their like."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from sharp_cli import write_ply
from sharp_cli.batch.side_outputs import check_side_output
from sharp_cli.errors import SharpError
from tests.helpers.commands import sharp
from tests.helpers.splats import grid_splat

FOREIGN = '{"items": [1, 2]}'


@pytest.fixture
def folder(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(data / "china.jpg", "a.jpg")
    write_ply("b.ply", grid_splat(4))
    Path("c.json").write_text(FOREIGN)
    Path("sub").mkdir()
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


CONVERT = ["convert", "a.jpg", "--weights", "preview"]
RENDER = ["render", "b.ply", "--size", "16"]
EVALUATE = ["evaluate", "synthetic", "--weights", "preview", "--limit", "1"]


@pytest.mark.parametrize("extra", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    "words",
    [
        [*CONVERT, "--json", "a.jpg"],
        [*CONVERT, "--json", "sub/../a.jpg"],
        [*CONVERT, "--json", "a.ply"],
        [*CONVERT, "--json", "sub"],
        [*CONVERT, "-o", "new", "--json", "new"],
        [*CONVERT, "-o", "new/deep", "--json", "new"],
        [*CONVERT, "-o", "x.splat", "--json", "x.splat.json"],
        [*CONVERT, "--shard", "0/1", "--json", "./a.jpg"],
        ["convert", "a.jpg", "--weights", "b.ply", "--json", "b.ply"],
        ["export", "b.ply", "--json", "b.html"],
        ["panorama", "a.jpg", "--weights", "preview", "--json", "a.jpg"],
        [*RENDER, "--json", "b.ply"],
        [*RENDER, "--format", "png", "--json", "b-frames/record.json"],
        [*RENDER, "--format", "png", "--json", "b-frames/deep/record.json"],
        [*RENDER, "--save-cameras", "b.ply"],
        [*RENDER, "--save-cameras", "b.mp4"],
        [*RENDER, "--save-cameras", "sub"],
        [*RENDER, "--save-cameras", "-"],
        [*RENDER, "--save-cameras", "new.json", "--json", "new.json"],
    ],
    ids=lambda words: " ".join(words[-4:]),
)
def test_inputs_and_results_are_never_replaced(words: list[str], extra: list[str], folder: Path) -> None:
    before = content(folder)
    run = sharp(*words, *extra)
    assert run.returncode == 2, run.stderr
    assert content(folder) == before


@pytest.mark.parametrize(
    "words",
    [
        [*CONVERT, "--json", "c.json"],
        [*CONVERT, "--json", "c.json", "--dry-run"],
        [*RENDER, "--json", "c.json"],
        [*RENDER, "--save-cameras", "c.json"],
        ["export", "b.ply", "--json", "c.json"],
        [*EVALUATE, "--json", "c.json"],
        [*EVALUATE, "--json", "b.ply"],
        [*EVALUATE, "--json", "sub"],
        [*EVALUATE, "--sheets", "sheets"],
    ],
    ids=lambda words: " ".join(words[-4:]),
)
def test_files_of_other_kinds_stay(words: list[str], folder: Path, data: Path) -> None:
    (folder / "sheets").mkdir()
    shutil.copy(data / "chelsea.png", folder / "sheets" / "0001-test-0.png")
    before = content(folder)
    run = sharp(*words)
    assert run.returncode in (1, 2)
    assert "exists" in run.stderr or "folder" in run.stderr
    assert content(folder) == before


def test_older_records_are_replaced_and_other_files_with_overwrite(folder: Path) -> None:
    words = ["export", "b.ply", "-o", "out", "--format", "splat", "--json"]
    for name, extra in (("r.json", []), ("r.json", []), ("c.json", ["--overwrite"])):
        run = sharp(*words, name, *extra)
        assert run.returncode == 0, run.stderr
        assert json.loads(Path(name).read_text())["state"] == "finished"
    (folder / "empty.json").touch()
    assert sharp(*words, "empty.json").returncode == 0


def test_a_record_of_metadata_does_not_replace_another_tools_file(folder: Path) -> None:
    (folder / "b.splat.json").write_text(FOREIGN)
    run = sharp("export", "b.ply", "--format", "splat")
    assert run.returncode == 1
    assert "b.splat.json" in run.stderr
    assert (folder / "b.splat.json").read_text() == FOREIGN
    assert sharp("export", "b.ply", "--format", "splat", "--overwrite").returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_links_lead_to_what_must_stay(folder: Path) -> None:
    (folder / "link.json").symlink_to("a.jpg")
    (folder / "there").symlink_to(folder, target_is_directory=True)
    os.link("b.ply", "hard.json")
    for side in ("link.json", "there/a.jpg", "hard.json", "there/out.ply"):
        with pytest.raises(SharpError):
            check_side_output(
                Path(side), outputs=[Path("out.ply")], inputs=[Path("a.jpg"), Path("b.ply")], overwrite=True
            )
    check_side_output(Path("there/new.json"), outputs=[Path("out.ply")], inputs=[Path("a.jpg")])
