"""`sharp export`, and splats of other formats through `sharp convert` and `sharp render`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from splats import grid_splat, random_splat
from typer.testing import CliRunner, Result

from sharp_cli.cli import app
from sharp_cli.formats.registry import read_splat, write_splat


def sharp(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def splat(tmp_path: Path) -> Path:
    path = tmp_path / "wall.ply"
    write_splat(path, grid_splat(16))
    return path


@pytest.mark.parametrize("suffix", [".sog", ".spz", ".splat", ".glb", ".compressed.ply", ".html", ".ply"])
def test_every_format_is_made_once_and_then_skipped(splat: Path, suffix: str) -> None:
    target = splat.with_name(f"out{suffix}")
    assert sharp("export", splat, target).exit_code == 0
    first = target.stat().st_mtime_ns
    again = sharp("export", splat, target)
    assert again.exit_code == 0 and target.stat().st_mtime_ns == first
    assert "nothing to do" in again.stderr
    changed = sharp("export", splat, target, "--min-opacity", "0.95" if suffix == ".html" else "0.5")
    assert changed.exit_code == (1 if suffix == ".html" else 0)  # no Gaussian of this wall is as opaque as 0.95


def test_a_file_that_is_not_ours_is_kept(splat: Path) -> None:
    target = splat.with_name("precious.splat")
    target.write_bytes(b"\1" * 64)
    result = sharp("export", splat, target)
    assert result.exit_code == 1 and "--overwrite" in result.stderr
    assert target.read_bytes() == b"\1" * 64
    assert sharp("export", splat, target, "--overwrite").exit_code == 0
    assert len(read_splat(target)) == 512


def test_a_folder_is_exported_without_its_own_exports(splat: Path) -> None:
    folder = splat.parent
    write_splat(folder / "more" / "other.ply", random_splat(20)) if (folder / "more").mkdir() is None else None
    assert sharp("export", folder, "--format", "sog").exit_code == 0
    assert sharp("export", folder, "--format", "spz").exit_code == 0
    made = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert made == ["more/other.ply", "more/other.sog", "more/other.spz", "wall.ply", "wall.sog", "wall.spz"]


def test_fitting_reaches_the_file_and_the_record(splat: Path) -> None:
    record = splat.with_name("record.json")
    result = sharp(
        "export",
        splat,
        "-o",
        splat.with_name("small.spz"),
        "--max-gaussians",
        100,
        "--max-depth",
        2.5,
        "--json",
        record,
    )
    assert result.exit_code == 0, result.stderr
    small = read_splat(splat.with_name("small.spz"))
    assert len(small) <= 100 and float(small.means[:, 2].max()) <= 2.5
    assert small.camera == grid_splat(16).camera
    assert json.loads(record.read_text())["settings"]["max_gaussians"] == 100


@pytest.mark.parametrize("crop", ["1,2", "a", "1,1,1,0,0,0", "-3", ""])
def test_an_invalid_crop_is_a_usage_error(splat: Path, crop: str) -> None:
    result = sharp("export", splat, "--crop", crop)
    assert result.exit_code == 2 and "--crop" in result.stderr


def test_a_crop_to_a_box(splat: Path) -> None:
    target = splat.with_name("part.ply")
    assert sharp("export", splat, target, "--crop", "-9,-9,0,9,9,2.5").exit_code == 0
    assert len(read_splat(target)) == 256


def test_formats_of_name_and_option_must_agree(splat: Path) -> None:
    result = sharp("export", splat, "-o", splat.with_name("a.spz"), "--format", "sog")
    assert result.exit_code == 2 and "--format" in result.stderr


def test_a_photo_becomes_a_splat_of_another_format_and_a_film(tiny_weights: Path, data: Path, tmp_path: Path) -> None:
    words = ("convert", data / "china.jpg", "--weights", tiny_weights, "--device", "cpu", "-o", tmp_path / "a.sog")
    first = sharp(*words, "--max-gaussians", 40_000)
    assert first.exit_code == 0, first.stderr
    assert len(read_splat(tmp_path / "a.sog")) <= 40_000
    assert "nothing to do" in sharp(*words, "--max-gaussians", 40_000).stderr
    film = sharp("render", tmp_path / "a.sog", "--seconds", 0.1, "--size", 64, "--format", "gif")
    assert film.exit_code == 0, film.stderr
    assert (tmp_path / "a.gif").stat().st_size > 100


def test_formats_are_listed_with_what_they_lose() -> None:
    rows = json.loads(sharp("formats", "--json").stdout)
    assert {row["suffix"] for row in rows} >= {".ply", ".sog", ".spz", ".splat", ".glb"}
    assert all(row["loses"] for row in rows if row["suffix"] != ".ply")


@pytest.mark.parametrize("suffix", ["sog", "spz", "splat", "compressed.ply"])
def test_inspect_shows_what_a_format_lost(splat: Path, suffix: str) -> None:
    pytest.importorskip("scipy")
    target = splat.with_name(f"a.{suffix}")
    assert sharp("export", splat, target).exit_code == 0
    shown = json.loads(sharp("inspect", target, "--json", "--against", splat).stdout)
    assert shown["gaussians"] >= 512
    assert shown["against"]["compared"] == 512
    assert shown["against"]["errors"]["position"]["largest"] < 2e-3
    assert shown["against"]["errors"]["opacity"]["largest"] < 0.01
    table = sharp("inspect", target, "--against", splat)
    assert table.exit_code == 0 and "rotation error" in table.stdout


def test_axes_are_turned_said_and_part_of_the_settings(splat: Path) -> None:
    target = splat.with_name("turned.ply")
    assert sharp("export", splat, target).exit_code == 0
    plain = target.read_bytes()
    assert sharp("export", splat, target, "--axes", "opengl").exit_code == 0
    assert target.read_bytes() != plain and b"comment sharp axes opengl" in target.read_bytes()
    assert "nothing to do" in sharp("export", splat, target, "--axes", "opengl").stderr
    assert (read_splat(target).means == read_splat(splat).means).all()
    assert "y up" in sharp("inspect", target).stdout
    for words in (("--format", "html"), ("--format", "ply", "--ply-layout", "sharp")):
        refused = sharp("export", splat, "--axes", "opengl", *words)
        assert refused.exit_code == 2 and "--axes" in refused.stderr


def test_an_empty_list_is_nothing_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "-", str(tmp_path / "x.ply")], input=b"")
    assert not isinstance(done.exception, ValueError) and "bug" not in done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(os.name == "nt", reason="pipes and links are POSIX")
def test_pipes_and_links_to_themselves_are_refused(splat: Path, tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe.ply", tmp_path / "link.spz"
    os.mkfifo(pipe)
    link.symlink_to(link.name)
    read = sharp("export", pipe, tmp_path / "a.spz")  # it used to wait for somebody to write
    assert read.exit_code == 1 and "pipe.ply: it is not a regular file" in read.stderr
    for place, reason in ((pipe, "not a regular file (choose another name)"), (link, "a link to itself")):
        written = sharp("export", splat, place, "--overwrite")
        assert written.exit_code == 1 and reason in " ".join(written.stderr.split())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_file_whose_name_is_not_utf8_becomes_a_page(splat: Path, tmp_path: Path) -> None:
    odd = splat.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xffwall.ply"))
    page = tmp_path / "page.html"
    assert sharp("export", odd, page).exit_code == 0
    assert "<title>?wall</title>" in page.read_text("utf-8")
