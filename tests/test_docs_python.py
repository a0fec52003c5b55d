"""Every example of docs/python.md runs, in order, with the bundled preview."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

import sharp_cli

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Image.open(data / "china.jpg") as photo:
        photo.resize((160, 107)).save("photo.jpg")
    assert len(EXAMPLES) >= 5
    for example in EXAMPLES:
        exec(compile(example, "docs/python.md", "exec"), {})
    assert {path.name for path in tmp_path.iterdir()} >= {"photo.ply", "photo.mp4", "photo.sog", "photo.spz"}


def test_the_front_lists_all_that_it_has() -> None:
    assert set(sharp_cli.__all__) <= set(dir(sharp_cli))
    for name in sharp_cli.__all__:
        assert getattr(sharp_cli, name) is not None
