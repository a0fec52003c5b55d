"""Finding inputs: each file once, sorted, with its place below the folder it was found in."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from copying import Copy

from sharp_cli.batch.inputs import Found, find_inputs
from sharp_cli.batch.jobs import find_jobs

SUFFIXES = frozenset({".jpg", ".png"})
posix = pytest.mark.skipif(sys.platform == "win32", reason="names and links as POSIX has them")


def find(*words: str | Path, leave_out: Path | None = None) -> list[Found]:
    return find_inputs(map(str, words), SUFFIXES, what="photos", leave_out=leave_out)


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def places(found: list[Found]) -> list[str]:
    return [each.place.as_posix() for each in found]


def test_folders_are_searched_recursively_for_photos_only(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("b.JPG", "a.png", "notes.txt", "2020/x.jpg", "2020/06/y.png", "z.jpgx")))
    touch(*(tmp_path / name for name in (".hidden.jpg", "._b.JPG", ".thumbnails/t.jpg")))
    assert places(find(tmp_path)) == ["2020/06/y.png", "2020/x.jpg", "a.png", "b.JPG"]


def test_thumbnails_and_trash_of_other_systems_are_skipped(tmp_path: Path) -> None:
    junk = ("@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "$RECYCLE.BIN/S-1-5/b.jpg", "#recycle/c.jpg", "__MACOSX/d.jpg")
    touch(*(tmp_path / "in" / name for name in ("a.jpg", "sub/b.jpg", "sub/@eaDir/b.jpg/SYNO.jpg", *junk)))
    assert places(find(tmp_path / "in")) == ["a.jpg", "sub/b.jpg"]
    assert places(find(tmp_path / "in/**/*.jpg")) == ["a.jpg", "sub/b.jpg"]
    assert places(find(tmp_path / "in/$RECYCLE.BIN")) == ["S-1-5/b.jpg"]


def test_a_file_found_several_times_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "sub/b.jpg")
    monkeypatch.chdir(tmp_path)
    found = find("a.jpg", ".", "./a.jpg", tmp_path / "a.jpg", "*.jpg", "sub", "sub/../a.jpg")
    assert sorted(each.path.resolve().name for each in found) == ["a.jpg", "b.jpg"]


@posix
def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "in/zoo/lion.jpg", tmp_path / "elsewhere/far.jpg")
    (tmp_path / "in/again").symlink_to(tmp_path / "in/zoo")
    (tmp_path / "in/zoo/up").symlink_to(tmp_path / "in")
    (tmp_path / "in/other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/first.jpg").symlink_to(tmp_path / "in/zoo/lion.jpg")
    (tmp_path / "in/itself").symlink_to("itself")
    assert places(find(tmp_path / "in")) == ["other/far.jpg", "zoo/lion.jpg"]


@posix
def test_what_cannot_be_a_photo_is_found_with_its_problem_or_left_to_its_reader(tmp_path: Path) -> None:
    touch(tmp_path / "in/folder.jpg/readme.txt", tmp_path / "in/full.png/inside.jpg", tmp_path / "empty/readme.txt")
    (tmp_path / "in/gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "in/pipe.jpg")
    found = find(tmp_path / "in")
    assert places(found) == ["folder.jpg", "full.png/inside.jpg", "gone.jpg", "pipe.jpg"]
    assert [each.problem for each in found] == [f"{tmp_path}/in/folder.jpg is a folder", None, None, None]
    (nothing,) = find(tmp_path / "empty")
    assert nothing.problem == f"no photos in {tmp_path}/empty (other files: .txt)"
    (no_match,) = find(tmp_path / "*.gif")
    assert no_match.problem == f"no photos match {tmp_path}/*.gif"
    (missing,) = find(tmp_path / "missing.jpg")
    assert missing.problem is None


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_reported_and_the_rest_is_found(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "locked/b.jpg")
    (tmp_path / "locked").chmod(0)
    found = find(tmp_path)
    (tmp_path / "locked").chmod(0o700)
    assert [each.path.name for each in found] == ["a.jpg", "locked"]
    assert "Permission denied" in str(found[1].problem)


def test_a_folder_of_other_files_is_named_by_their_suffixes(tmp_path: Path) -> None:
    folder, other = tmp_path / "splats", tmp_path / "empty"
    for name in ("a.ply", "b.PLY", "below/c.sog", "README"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    other.mkdir()
    first, second = (found.problem for found in find(other, folder))
    assert first == f"no photos in {other}"
    assert second == f"no photos in {folder} (other files: .ply, README, .sog)"


def test_patterns_keep_the_structure_below_their_fixed_part(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("trip/one/a.jpg", "trip/two/a.jpg", "trip/two/b.txt", "trip/[x].jpg")))
    assert places(find(tmp_path / "trip/*/a.*")) == ["one/a.jpg", "two/a.jpg"]
    assert places(find(tmp_path / "trip/t*")) == ["two/a.jpg"]
    assert places(find(tmp_path / "trip/**/*.jpg")) == ["[x].jpg", "one/a.jpg", "two/a.jpg"]
    assert places(find(tmp_path / "trip/[x].jpg")) == ["[x].jpg"]


def test_several_folders_keep_their_names(tmp_path: Path) -> None:
    touch(tmp_path / "one/a.jpg", tmp_path / "two/a.jpg")
    assert places(find(tmp_path / "one", tmp_path / "two")) == ["one/a.jpg", "two/a.jpg"]
    assert places(find(tmp_path / "one")) == places(find(tmp_path / "one", tmp_path / "one/")) == ["a.jpg"]


def test_the_folder_for_results_is_not_searched_unless_it_is_an_input(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "out/frame.png")
    assert places(find(tmp_path, leave_out=tmp_path / "out")) == ["a.jpg"]
    assert places(find(tmp_path, leave_out=tmp_path)) == ["a.jpg", "out/frame.png"]


@posix
def test_odd_names_are_found(tmp_path: Path) -> None:
    names = [
        "-x.jpg",
        " .jpg",
        "😀.jpg",
        "new\nline.jpg",
        "n" * 251 + ".jpg",
        os.fsdecode(b"\xff\xfe.jpg"),
        "%s'\".jpg",
    ]
    touch(*(tmp_path / name for name in names))
    assert {each.path.name for each in find(tmp_path)} == set(names)


@posix
def test_names_that_the_file_system_refuses_do_not_end_the_search(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    found = find("n" * 300 + ".jpg", tmp_path / "a.jpg", tmp_path / "foo**.jpg", "null\0byte.jpg")
    assert tmp_path / "a.jpg" in [each.path for each in found]
    assert len(found) == 4
    assert [each.problem is None for each in found].count(False) == 1, "the pattern; the others are for their reader"


def test_pictures_to_pass_over_are_found_by_name_only(tmp_path: Path) -> None:
    touch(tmp_path / "photo.jpg", tmp_path / "film.png")
    words = [str(tmp_path), str(tmp_path / "*"), str(tmp_path / "film.png")]

    def places_of(*named: str) -> list[str]:
        return places(find_inputs(named, SUFFIXES, what="photos", pass_over=lambda path: path.stem == "film"))

    assert places_of(words[0]) == places_of(words[1]) == ["photo.jpg"]
    assert places_of(words[2]) == ["film.png"]


@posix
def test_hard_links_are_files_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path / "one/a.jpg")
    (tmp_path / "two").mkdir()
    (tmp_path / "two/a.jpg").hardlink_to(tmp_path / "one/a.jpg")
    assert places(find(tmp_path)) == ["one/a.jpg", "two/a.jpg"]


def test_a_listed_file_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [str(tmp_path / f"{index}.jpg") for index in range(3)]
    touch(*map(Path, words))
    looks: list[str] = []
    lstat = os.lstat

    def look(path: str | Path, **rules: Any) -> os.stat_result:
        looks.append(os.fspath(path))
        return lstat(path, **rules)

    monkeypatch.setattr(os, "lstat", look)
    monkeypatch.setattr(os, "stat", look)
    assert [str(each.path) for each in find(*words)] == words
    assert [looks.count(word) for word in words] == [1, 1, 1]


def test_the_search_for_cycles_waits_for_a_list_and_comes_back(tmp_path: Path) -> None:
    was_on: list[bool] = []

    class Watching(Copy):
        def is_free(self, target: Path, source: Path) -> bool:
            was_on.append(gc.isenabled())
            return True

    find_jobs(Watching(), [str(tmp_path / "a.jpg")], tmp_path / "out")
    assert (was_on, gc.isenabled()) == ([False], True)
