"""Every input belongs to exactly one shard, on every machine alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharp_cli.batch.shards import Shard, parse_shard
from sharp_cli.errors import SharpError


@given(
    name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    count=st.integers(1, 50),
)
def test_every_path_belongs_to_one_shard(name: str, count: int) -> None:
    assert sum(Shard(index, count).holds(Path(name)) for index in range(count)) == 1


def test_shards_are_about_equal_and_never_change() -> None:
    paths = [Path(f"photos/{i:05}.jpg") for i in range(4000)]
    sizes = [sum(map(Shard(index, 8).holds, paths)) for index in range(8)]
    assert sum(sizes) == 4000 and max(sizes) - min(sizes) < 120
    assert [path.name for path in paths[:20] if Shard(1, 4).holds(path)] == [
        "00002.jpg",
        "00007.jpg",
        "00012.jpg",
        "00015.jpg",
        "00016.jpg",
    ]


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
