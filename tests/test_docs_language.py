"""Plain American English: no British spelling, no phrases that we replaced, and errors in one form.

CONTRIBUTING.md says how we write. Add a phrase here when a review finds it a second time.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = (
    *("*.md", "*.cff", "NOTICE", "pyproject.toml", "Makefile"),
    *("docs/**/*", "benchmarks/*", "examples/*.md", "weights/*.md", "sharp_cli/**/*", "tests/**/*.py"),
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
    r"\btold\b(?! apart)",
    r"(?<![.\w])(?<!def )tells?\b(?! [\w' ]*\bapart\b)",
    r"(?<![.\"])\bdrawn\b(?!\.\w|[:=])",  # but as a key of the training configuration
    r"\bat hand\b|\b(?:can|could|cannot|may|to) be had\b",
    r"\bsta(?:nds?|nding) in for\b",
    r"(?<!there )\bis no (?:size|number|folder|file|picture|image|proof|text|splat)\b",
    r"\bmend(?:s|ed)?\b|\bof its own making\b|\bbears marks\b",
    r"\bspec/(?:network|training)\.md",
)
FORBIDDEN = re.compile("|".join(BRITISH + OLD_PHRASES), re.IGNORECASE)

ALLOWED = {
    "sharp_cli/photo/encoding.py": ("ColourPrimaries", "the name in the standard H.273"),
    "sharp_cli/gaussians/facts.py": ('"licence"', "a key in files made earlier"),
    "tests/formats/test_registry.py": ('b"licence"', "a key in files made earlier"),
    "tests/weights/test_weights_read.py": ('"licence"', "a key in files made earlier"),
    "sharp_cli/cli/weights.py": ('"--licence"', "the option's earlier name still works"),
    "docs/cli.md": ("`--licence TEXT`", "the option's earlier name still works"),
}
"""File → text that may stay, and why."""


def files() -> list[Path]:
    found = {path for place in PLACES for path in ROOT.glob(place)}
    found.remove(Path(__file__))
    return sorted(path for path in found if path.is_file() and path.suffix in ENDINGS and "vendor" not in path.parts)


def words_of_test_names(line: str) -> str:
    """``def test_a_file_is_read`` as words, other lines as they are."""
    return line.replace("_", " ") if line.lstrip().startswith("def test_") else line


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_text_is_plain_american_english(path: Path):
    allowed, _reason = ALLOWED.get(path.relative_to(ROOT).as_posix(), ("\0", ""))
    lines = path.read_text(encoding="utf-8").replace(allowed, "").splitlines()
    found = [
        f"{number}: {hit[0]}: {line.strip()}"
        for number, line in enumerate(lines, 1)
        for hit in FORBIDDEN.finditer(words_of_test_names(line))
    ]
    assert not found, "\n".join(found)


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each SharpError that the file raises; ``{}`` stands for values."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "SharpError"
            and node.args
        ):
            (message, *_) = node.args
            if isinstance(message, ast.Constant):
                yield node.lineno, str(message.value)
            elif isinstance(message, ast.JoinedStr):
                parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in message.values)
                yield node.lineno, "".join(parts)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "sharp_cli").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_errors_start_in_lower_case_and_end_without_a_period(path: Path):
    wrong = [
        f"{line}: {text}" for line, text in messages(path) if re.match("[A-Z](?![A-Z])", text) or text.endswith(".")
    ]
    assert not wrong, "\n".join(wrong)
