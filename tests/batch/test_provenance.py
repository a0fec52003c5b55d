"""What a result is, what is done, what may be replaced, and what belongs to someone else."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import plyfile
import pytest
import torch

from sharp_cli import Camera, Gaussians, read_ply, write_ply
from sharp_cli.batch import provenance
from sharp_cli.batch.provenance import Provenance, check_place, is_done, is_free, is_marked, make_provenance
from sharp_cli.errors import SharpError

SETTINGS = "weights=w layout=standard"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a b.jpg"
    path.parent.mkdir()
    path.write_bytes(b"picture")
    return path


def splat(count: int = 20) -> Gaussians:
    values = torch.rand(count, 3, generator=torch.Generator().manual_seed(0))
    quats = torch.tensor([[1.0, 0, 0, 0]]).expand(count, 4)
    return Gaussians(values + 1, values / 90 + 0.001, quats, values[:, 0], values, Camera(8, 6, 9.0), {"made_by": "us"})


def convert(photo: Path, target: Path, settings: str = SETTINGS) -> Provenance:
    """Write a result as the convert task does."""
    gaussians = splat()
    record = replace(make_provenance(photo, settings), gaussians=str(len(gaussians)))
    write_ply(target, gaussians, provenance=record.facts())
    return record


def test_only_the_same_source_and_settings_are_done(photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.ply"
    assert not is_done(target, photo, SETTINGS)
    convert(photo, target)
    assert is_done(target, photo, SETTINGS)
    assert not is_done(target, photo, "weights=w layout=full")
    other = photo.with_name("b.jpg")
    other.write_bytes(b"picture")
    assert not is_done(target, other, SETTINGS)
    photo.write_bytes(b"PICTURE")
    assert not is_done(target, photo, SETTINGS)


def test_a_splat_that_was_read_changed_and_written_again_is_not_the_result(photo: Path, tmp_path: Path) -> None:
    """Neither by our own functions nor by a tool that keeps comments. And it is the user's: never replaced."""
    target = tmp_path / "a.ply"
    convert(photo, target)
    gaussians = read_ply(target)
    assert gaussians.facts == {"made_by": "us"}
    names = ("means", "scales", "quats", "opacities", "colors")
    write_ply(target, replace(gaussians, **{name: getattr(gaussians, name)[:10] for name in names}))
    with pytest.raises(SharpError) as error:
        is_done(target, photo, SETTINGS)
    assert error.value.code == "exists"

    convert(photo, target)
    content = plyfile.PlyData.read(str(target), mmap=False)
    vertices = plyfile.PlyElement.describe(content["vertex"].data[:10], "vertex")
    plyfile.PlyData([vertices], comments=content.comments, byte_order="<").write(str(target))
    with pytest.raises(SharpError) as error:
        is_done(target, photo, SETTINGS)
    assert error.value.code == "exists"


def test_an_unchanged_source_is_not_read_again(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.ply"
    convert(photo, target)
    with monkeypatch.context() as patched:
        patched.setattr(provenance, "sha256_of", lambda path: pytest.fail(f"{path} was read"))
        assert is_done(target, photo, SETTINGS)
    stat = photo.stat()
    photo.write_bytes(b"PICTURE")  # same length
    os.utime(photo, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert not is_done(target, photo, SETTINGS), "the time it was changed shows"
    photo.write_bytes(b"picture")
    assert is_done(target, photo, SETTINGS), "the content counts, not the time"


def test_a_record_without_a_stat_is_compared_by_content(photo: Path, tmp_path: Path) -> None:
    """As older results have it."""
    target = tmp_path / "a.ply"
    write_ply(target, splat(), provenance=replace(make_provenance(photo, SETTINGS), source_stat="").facts())
    assert is_done(target, photo, SETTINGS)


def test_nothing_but_results_is_replaced(photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.ply"
    target.write_bytes(b"")
    assert not is_done(target, photo, SETTINGS)
    target.write_bytes(b"half a result: source_sha256 ...")
    assert not is_done(target, photo, SETTINGS)
    write_ply(target, splat())
    for content in (b"some text", b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n", target.read_bytes()):
        target.write_bytes(content)
        with pytest.raises(SharpError, match="exists") as error:
            is_done(target, photo, SETTINGS)
        assert error.value.code == "exists"
    folder = tmp_path / "frames"
    folder.mkdir()
    assert not is_done(folder, photo, SETTINGS)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(SharpError, match="exists"):
        is_done(folder, photo, SETTINGS)


def test_marks_are_found_at_either_end_of_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    for content in (b"source_sha256" + bytes(9_000_000), bytes(9_000_000) + b"source_sha256"):
        path.write_bytes(content)
        assert is_marked(path)
    path.write_bytes(bytes(100))
    assert not is_marked(path)
    assert not is_marked(tmp_path / "none")


def test_an_input_of_the_same_name_elsewhere_is_another_one_unless_it_was_moved(photo: Path, tmp_path: Path) -> None:
    result, other, moved = tmp_path / "a.ply", tmp_path / "other" / photo.name, tmp_path / "moved" / photo.name
    convert(photo, result)
    for path, content in ((other, b"another picture"), (moved, b"picture")):
        path.parent.mkdir()
        path.write_bytes(content)
    photo.write_bytes(b"the picture, edited")
    assert is_free(result, photo)
    assert is_free(result, moved)
    assert not is_free(result, other)
    assert not is_free(result, photo.with_name("b.jpg"))
    assert is_free(tmp_path / "none.ply", other)


def test_places_where_nothing_can_be_written_are_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    check_place(tmp_path / "new" / "deeper" / "a.ply")
    check_place(tmp_path / "file")
    for path in (tmp_path, tmp_path / "file" / "a.ply", tmp_path / "file" / "deeper" / "a.ply"):
        with pytest.raises(SharpError):
            check_place(path)
