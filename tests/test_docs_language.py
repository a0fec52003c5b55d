"""Plain American English: no British spelling, and none of the phrases that this project used to have.

CONTRIBUTING.md says how we write. Add a phrase here when a review finds it a second time.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = (
    *("*.md", "*.cff", "NOTICE", "pyproject.toml", "Makefile"),
    *("docs/*", "benchmarks/README.md", "examples/*.md", "sharp_cli/**/*"),
)
ENDINGS = {".py", ".toml", ".md", ".html", ".cff", ""}

BRITISH = (
    r"colour|flavour|favour|behaviour|neighbour|honour|labour|rumour|vapour",
    r"\bgrey",
    r"\b(?:milli|centi|kilo|micro|nano)?metres?\b|\blitres?\b|\bfibres?\b|\btheatre|\bcentre",
    r"licence",
    r"\b(?:de|un|re)?(?:normal|optim|minim|maxim|regular|initial|general|recogn|organ|quant|serial|visual|summar|util|"
    r"standard|memor|character|parametr|final|real|raster|vector|token|synchron|local|global|special|author)is"
    r"(?:e|es|ed|er|ers|ing|ation|ations|able)\b",
    r"\banalys(?:e|ed|ing)\b|\bcatalogue|\bprogrammes?\b|\bartefact|\bwhilst\b|\blearnt\b|\bspelt\b|\btowards\b",
    r"\b(?:label|model|cancel|travel|signal)l(?:ed|ing)\b|\bdefence\b|\bjudgement|\bafterwards\b",
)
OLD_PHRASES = (
    r"\btold\b",
    r"(?<![.\w])(?<!def )tells?\b(?! [\w' ]*\bapart\b)",
    r"(?<![.\"])\bdrawn\b(?!\.\w|:)",  # but as a key of the training configuration
    r"\bat hand\b|\b(?:can|could|cannot|may|to) be had\b",
    r"\bsta(?:nds?|nding) in for\b",
    r"(?<!there )\bis no (?:size|number|folder|file|picture|image|proof|text|splat)\b",
    r"\bmend(?:s|ed)?\b|\bof its own making\b|\bbears marks\b",
    r"\bspec/(?:network|training)\.md",
)
FORBIDDEN = re.compile("|".join(BRITISH + OLD_PHRASES), re.IGNORECASE)

ALLOWED = {
    "sharp_cli/photo/encoding.py": ("ColourPrimaries", "the name in the standard H.273"),
    "sharp_cli/weights/catalog.py": ('LICENSE_KEY = "licence"', "the key in files made earlier"),
    "sharp_cli/cli/weights.py": ('"--licence"', "the option's earlier name still works"),
    "docs/cli.md": ("`--licence TEXT`", "the option's earlier name still works"),
    "docs/formats.md": ("`licence`", "the key in files made earlier"),
}
"""File → text that may stay, and why."""


def files() -> list[Path]:
    found = {path for place in PLACES for path in ROOT.glob(place)}
    return sorted(path for path in found if path.is_file() and path.suffix in ENDINGS and "vendor" not in path.parts)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_text_is_plain_american_english(path: Path):
    allowed, _reason = ALLOWED.get(path.relative_to(ROOT).as_posix(), ("\0", ""))
    lines = path.read_text(encoding="utf-8").replace(allowed, "").splitlines()
    found = [
        f"{number}: {hit[0]}: {line.strip()}"
        for number, line in enumerate(lines, 1)
        for hit in FORBIDDEN.finditer(line)
    ]
    assert not found, "\n".join(found)
