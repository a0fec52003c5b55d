"""Every input belongs to exactly one shard, on every machine alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharp_cli.batch.inputs import find_inputs
from sharp_cli.batch.shards import Shard, parse_shard
from sharp_cli.errors import SharpError


@given(
    name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    count=st.integers(1, 50),
)
def test_every_path_belongs_to_one_shard(name: str, count: int) -> None:
    assert sum(Shard(index, count).holds(name) for index in range(count)) == 1


def test_shards_are_about_equal_and_never_change() -> None:
    keys = [f"photos/{i:05}.jpg" for i in range(4000)]
    sizes = [sum(map(Shard(index, 8).holds, keys)) for index in range(8)]
    assert sum(sizes) == 4000 and max(sizes) - min(sizes) < 120
    assert [key[7:] for key in keys[:20] if Shard(1, 4).holds(key)] == [
        "00002.jpg",
        "00007.jpg",
        "00012.jpg",
        "00015.jpg",
        "00016.jpg",
    ]


def test_accents_count_the_same_in_every_file_system() -> None:
    assert [Shard(i, 7).holds("\u00e9.jpg") for i in range(7)] == [Shard(i, 7).holds("e\u0301.jpg") for i in range(7)]


def keys(*words: object) -> dict[str, str]:
    """The keys of what words find, by the files' contents."""
    found = find_inputs(map(str, words), frozenset({".jpg"}), what="photos")
    return {each.path.read_text(): each.key for each in found}


PLACES = ("a.jpg", "day/b.jpg", "day/night/c.jpg", "other/b.jpg")


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The same photos at two places; the first one's parent is the working folder."""
    folders = tmp_path / "here" / "photos", tmp_path / "there" / "disk" / "photos"
    for folder in folders:
        for place in PLACES:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(place)
    monkeypatch.chdir(tmp_path / "here")
    return folders


def test_a_folder_is_split_alike_however_it_is_named(mounts: tuple[Path, Path]) -> None:
    expected = {place: place for place in PLACES}
    for word in ("photos", "./photos", "photos/", "../here/photos", "photos/**", *mounts):
        assert keys(word) == expected, word


def test_several_folders_are_split_alike_wherever_they_lie(mounts: tuple[Path, Path]) -> None:
    one, other = (keys(*(folder / name for name in ("day", "other"))) for folder in mounts)
    assert one == other == keys("photos/day", "./photos/other")
    assert len(set(one.values())) == 3


def test_files_that_are_named_are_split_alike_wherever_they_lie(mounts: tuple[Path, Path]) -> None:
    expected = {place: place for place in PLACES}
    for folder in (Path("photos"), Path("./photos"), *mounts):
        assert keys(*(folder / place for place in PLACES)) == expected
    assert keys("photos/a.jpg") == keys(mounts[1] / "a.jpg") == {"a.jpg": "a.jpg"}


def test_namesakes_in_many_folders_are_spread(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index:03}" / "photo.jpg" for index in range(60)]
    for path in paths:
        path.parent.mkdir()
        path.write_text(path.parent.name)
    assert len(set(keys(*paths).values())) == 60


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}, "3/8"),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "1"}, "2/8"),
        ({"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "5"}, "0/5"),
        ({"RANK": "1", "WORLD_SIZE": "2"}, "1/2"),
    ],
)
def test_auto_takes_a_schedulers_shard(environment: dict[str, str], expected: str) -> None:
    assert str(parse_shard("auto", environment)) == expected


@pytest.mark.parametrize("text", ["", "3", "8/8", "-1/8", "a/b", "1/0", "auto"])
def test_other_shards_are_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(SharpError, match="I/N"):
        parse_shard(text, {})


def test_a_broken_schedulers_shard_is_refused() -> None:
    with pytest.raises(SharpError, match="RANK=7"):
        parse_shard("auto", {"RANK": "7", "WORLD_SIZE": "2"})
