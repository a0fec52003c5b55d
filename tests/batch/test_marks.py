"""What may be replaced, what is done, and what is somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sharp_cli.batch.marks import check_place, check_result, is_free, is_marked, make_marks
from sharp_cli.batch.pipeline import Done
from sharp_cli.errors import SharpError

Facts = dict[str, str]


def reader(facts: Facts | None) -> Callable[[Path], Facts]:
    """As if a result had these facts; None: it cannot be read."""

    def read(path: Path) -> Facts:
        if facts is None or not path.exists():
            raise SharpError("not complete")
        return facts

    return read


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a b.jpg"
    path.parent.mkdir()
    path.write_bytes(b"picture")
    return path


def test_only_the_same_source_and_settings_are_done(photo: Path, tmp_path: Path) -> None:
    result = tmp_path / "a.ply"
    result.write_bytes(b"result")
    marks = make_marks(photo, "d" * 64, {"layout": "standard"})
    with pytest.raises(Done):
        check_result(result, marks, reader({**marks, "made_by": "us", "source_folder": "moved"}))
    for other in (
        make_marks(photo, "e" * 64, {"layout": "standard"}),
        make_marks(photo, "d" * 64, {"layout": "full"}),
        make_marks(photo.with_name("b.jpg"), "d" * 64, {"layout": "standard"}),
    ):
        check_result(result, other, reader(marks))


def test_nothing_but_ours_is_replaced(photo: Path, tmp_path: Path) -> None:
    result, marks = tmp_path / "a.ply", make_marks(photo, "d" * 64, {})
    check_result(result, marks, reader(None))
    result.write_bytes(b"")
    check_result(result, marks, reader(None))
    result.write_bytes(b"half of ours: source_sha256 ...")
    check_result(result, marks, reader(None))
    result.write_bytes(b"some text")
    for facts in (None, {}, {"color_space": "srgb"}):
        with pytest.raises(SharpError, match="exists"):
            check_result(result, marks, reader(facts))
    folder = tmp_path / "frames"
    folder.mkdir()
    check_result(folder, marks, reader({}))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(SharpError, match="exists"):
        check_result(folder, marks, reader({}))


def test_marks_are_found_at_either_end_of_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    for content in (b"source_sha256" + bytes(9_000_000), bytes(9_000_000) + b"source_sha256"):
        path.write_bytes(content)
        assert is_marked(path)
    path.write_bytes(bytes(100))
    assert not is_marked(path)
    assert not is_marked(tmp_path / "none")


def test_an_input_of_the_same_name_elsewhere_is_another_one_unless_it_was_moved(photo: Path, tmp_path: Path) -> None:
    from sharp_cli.runtime.files import sha256_of

    facts = make_marks(photo, sha256_of(photo).hexdigest(), {})
    result, other, moved = tmp_path / "a.ply", tmp_path / "other" / photo.name, tmp_path / "moved" / photo.name
    result.write_bytes(b"result")
    for path, content in ((other, b"another picture"), (moved, b"picture")):
        path.parent.mkdir()
        path.write_bytes(content)
    photo.write_bytes(b"the picture, edited")
    assert is_free(result, photo, reader(facts))
    assert is_free(result, moved, reader(facts))
    assert not is_free(result, other, reader(facts))
    assert not is_free(result, photo.with_name("b.jpg"), reader(facts))
    assert is_free(tmp_path / "none.ply", other, reader(facts))


def test_places_where_nothing_can_be_written_are_told_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    check_place(tmp_path / "new" / "deeper" / "a.ply")
    check_place(tmp_path / "file")
    for path in (tmp_path, tmp_path / "file" / "a.ply", tmp_path / "file" / "deeper" / "a.ply"):
        with pytest.raises(SharpError):
            check_place(path)
