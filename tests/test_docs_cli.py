"""docs/cli.md shows the commands as they are."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_command_line_page_is_current():
    generate = runpy.run_path(str(DOCS / "generate_cli.py"))["generate"]
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert page == generate(), "docs/cli.md is out of date: run `python docs/generate_cli.py`"
