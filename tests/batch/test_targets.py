"""Names of results: mirrored structure, nothing under two names, nothing lost."""

from __future__ import annotations

import os
from pathlib import Path

from copying import Copy
from hypothesis import given
from hypothesis import strategies as st

from sharp_cli.batch.inputs import Found
from sharp_cli.batch.targets import choose_targets


def targets(*found: tuple[str, str], out: str | None = "out", taken: dict[str, str] | None = None) -> list[str]:
    """Targets of (path, place) pairs; ``taken``: existing files and the inputs they were made from."""
    owners = taken or {}

    class Naming(Copy):
        def is_free(self, target: Path, source: Path) -> bool:
            return owners.get(target.as_posix(), source.name) == source.name

    inputs = [Found(Path(path), Path(place)) for path, place in found]
    return [t.as_posix() for t in choose_targets(inputs, Path(out) if out else None, Naming())]


def test_results_lie_beside_inputs_or_mirror_their_folders() -> None:
    assert targets(("in/a/x.jpg", "a/x.jpg"), out=None) == ["in/a/x.ply"]
    assert targets(("in/a/x.jpg", "a/x.jpg"), ("in/y.jpg", "y.jpg")) == ["out/a/x.ply", "out/y.ply"]


def test_inputs_of_one_stem_get_distinct_names() -> None:
    assert targets(("a.heic", "a.heic"), ("a.jpg", "a.jpg"), ("a.jpg.png", "a.jpg.png")) == [
        "out/a.ply", "out/a.jpg.ply", "out/a.jpg.png.ply",
    ]  # fmt: skip
    assert targets(("A.jpg", "A.jpg"), ("a.jpg", "a.jpg")) == ["out/A.ply", "out/a.jpg.ply"]
    assert targets(("x/a.jpg", "a.jpg"), ("y/a.jpg", "a.jpg")) == ["out/a.ply", "out/y-a.ply"]
    assert targets(("x/a.jpg", "a.jpg"), ("y/a.png", "a.png")) == ["out/a.ply", "out/a.png.ply"]
    assert targets(("e\u0301.jpg", "e\u0301.jpg"), ("é.png", "é.png"))[1] == "out/é.png.ply"


def test_an_earlier_result_of_another_input_keeps_its_name() -> None:
    earlier = {"out/a.ply": "a.jpg"}
    assert targets(("a.heic", "a.heic"), ("a.jpg", "a.jpg"), taken=earlier) == ["out/a.heic.ply", "out/a.ply"]
    assert targets(("a.jpg", "a.jpg"), taken=earlier) == ["out/a.ply"]


def test_names_stay_within_what_file_systems_take() -> None:
    long = ["n" * 255, "n" * 254 + "m", "😀" * 63 + "jpg", os.fsdecode(b"\xff" * 255)]
    names = [Path(t).name for t in targets(*((f"in/{name}", name) for name in long))]
    assert len(set(names)) == len(long)
    assert all(len(os.fsencode(name)) <= 255 and name.endswith(".ply") for name in names)


name = st.text(st.sampled_from("aAbé.\u0301-2"), min_size=1, max_size=4).filter(lambda n: n.strip("."))


@given(st.lists(st.tuples(st.sampled_from(["x", "y", "x/y"]), name), unique=True, max_size=12))
def test_no_two_inputs_ever_share_a_result(files: list[tuple[str, str]]) -> None:
    found = [(f"{folder}/{file}", file) for folder, file in files]
    results = targets(*found)
    assert len({result.casefold() for result in results}) == len(files)


def test_everything_a_job_writes_gets_a_name_of_its_own() -> None:
    found = [Found(Path(f"in/{stem}.ply"), Path(f"{stem}.ply")) for stem in ("s", "s-depth", "n" * 251)]

    class WithDepth(Copy):
        ending = ".mp4"

        def outputs(self, target: Path) -> list[Path]:
            return [target, target.with_name(f"{target.stem}-depth{target.suffix}")]

    chosen = choose_targets(found, Path("out"), WithDepth())
    written = [path for target in chosen for path in WithDepth().outputs(target)]
    assert len(set(written)) == 6
    assert all(len(os.fsencode(path.name)) <= 255 for path in written)


def test_thousands_of_namesakes_do_not_count_each_others_numbers_again() -> None:
    asked = 0

    class Counting(Copy):
        def is_free(self, target: Path, source: Path) -> bool:
            nonlocal asked
            asked += 1
            return True

    found = [Found(Path(f"{index}/in/a.jpg"), Path("a.jpg")) for index in range(2000)]
    assert len(set(choose_targets(found, Path("out"), Counting()))) == 2000
    assert asked == 2000
