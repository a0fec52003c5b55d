"""The architecture page and the citations in docstrings agree with the code."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOM = re.compile(r"\w+")


def layers() -> list[list[str]]:
    """The rooms of each layer in the import contract, from the top."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    return [ROOM.findall(layer) for layer in contract[0]["layers"] if layer != "__main__"]


@pytest.mark.parametrize("room", [room for layer in layers() for room in layer])
def test_the_picture_shows_every_room(room: str):
    assert re.search(rf"<b>{room}(?:/|\.py)</b>", PAGE)


def test_the_picture_has_the_layers_of_the_import_contract():
    picture = re.search(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
    assert picture
    position = {room: number for number, layer in enumerate(layers()) for room in layer}
    for line in picture[1].splitlines():
        steps = [ROOM.findall(step) for step in line.split("-->")] if "-->" in line else []
        for above, below in itertools.pairwise(steps):
            assert {position[room] for room in below} == {position[room] + 1 for room in above}


def test_sections_that_docstrings_cite_exist():
    headings = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("network", "training")}
    for path in [*(ROOT / "sharp_cli").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for name, number in re.findall(r"docs/(network|training)\.md §(\d+)", path.read_text(encoding="utf-8")):
            assert re.search(rf"^## {number}\. ", headings[name], re.MULTILINE), f"{path}: {name}.md §{number}"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z_/]+(?:\.py|/))`", PAGE))))
def test_files_that_the_page_names_exist(name: str):
    if "/" in name:
        assert (ROOT / name).exists() or (ROOT / "sharp_cli" / name).exists()
    else:  # in a sentence about its folder
        assert any((ROOT / "sharp_cli").rglob(name))
