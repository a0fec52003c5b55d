"""What an output file says of its own making, and whether that makes a job done."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from sharp_cli.batch.pipeline import Done
from sharp_cli.errors import SharpError

SOURCE, DIGEST, SETTINGS = "source", "source_sha256", "settings"


def make_marks(source: Path, digest: str, settings: Mapping[str, object]) -> dict[str, str]:
    """Facts for an output file: the name and sha256 of what it is made from, and all that decides what it becomes."""
    told = " ".join(f"{key}={value}" for key, value in settings.items())
    return {SOURCE: _quoted(source), DIGEST: digest, SETTINGS: told}


def made_from(facts: Mapping[str, str], source: Path) -> bool:
    """Whether an output with these facts may become that of ``source``: they speak of no input of another name."""
    return facts.get(SOURCE) in (None, _quoted(source))


def check_done(target: Path, facts: Mapping[str, str], marks: Mapping[str, str]) -> None:
    """Decide about a complete output file that stands where a result is to go.

    Raises:
        Done: it has these very marks.
        SharpError: it has no facts at all, so it is not ours to replace unasked.
    """
    if marks.items() <= facts.items():
        raise Done
    if not facts:
        raise SharpError(f"{target} is there and was not made by this tool; --overwrite replaces it.")


def _quoted(source: Path) -> str:
    """A file's name in plain ASCII without spaces, as any file's comments can hold it."""
    return quote(os.fsencode(source.name))
