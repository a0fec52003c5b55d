"""Links and file names in the documents lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sharp_cli"
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "examples/*.md", "weights/*.md", "tests/data/*.md")
    for path in ROOT.glob(pattern)
)
# The diary names files as they were.
CURRENT = [path for path in DOCUMENTS if "history" not in path.parts]

LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
FILE = re.compile(r"(?<!\[)`([\w./-]+\.(?:py|toml|json|md))`")
FILES_OF_USERS = {"sharp.toml", "transforms.json", "camera_path.json", "cameras.json", "record.json", "meta.json"}
FILES_OF_USERS |= {"a.ply.sharp.json"}
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path):
    for match in LINK.finditer(FENCE.sub("", path.read_text(encoding="utf-8"))):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{path.name} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_documents_name_exist(path: Path):
    for name in FILE.findall(path.read_text(encoding="utf-8")):
        if "NAME" in name or name in FILES_OF_USERS:
            continue
        places = (ROOT, path.parent, PACKAGE, *(PACKAGE / room for room in ("training/losses", "training/presets")))
        assert any((place / name).exists() for place in places), f"{path.name} names {name}"


def test_lines_of_the_readme_are_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    long = [line for line in lines if len(line) > 120 and not line.startswith("|")]
    assert not long


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
