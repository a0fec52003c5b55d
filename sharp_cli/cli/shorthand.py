"""``sharp photo.jpg`` for ``sharp convert photo.jpg``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path


def with_command(words: Sequence[str], commands: Collection[str | None]) -> list[str]:
    """The words with the command that they leave out: ``convert`` for a photo, its address, or a folder of photos.

    A splat means ``view``. Anything else stays as it is, so a misspelled command is still reported as one.
    """
    if not words or words[0].startswith("-") or words[0] in commands:
        return list(words)
    from sharp_cli.batch.web import is_web
    from sharp_cli.formats.registry import can_read
    from sharp_cli.photo.suffixes import PHOTO_SUFFIXES  # imports Pillow, which --help does without
    from sharp_cli.runtime.files import holds

    path = Path(words[0])
    if is_web(words[0]) or path.suffix.lower() in PHOTO_SUFFIXES or holds(path.is_dir):
        return ["convert", *words]
    if can_read(path) and holds(path.is_file):
        return ["view", *words]
    return list(words)
