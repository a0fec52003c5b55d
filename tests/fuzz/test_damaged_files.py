"""Damaged splats, photos, weights, camera files and lists are read, or refused with a message that names them.

The suite tries a few. ``SHARP_FUZZ=100000 SHARP_FUZZ_SEED=1 pytest -m slow tests/fuzz/test_damaged_files.py`` is the
long run. Files that were handled badly stay in pytest's temporary folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest
from damage import make_input
from fuzzing import fuzz, try_input
from sound_files import Family, sound_files

COUNT = int(os.environ.get("SHARP_FUZZ", "2000"))
SEED = int(os.environ.get("SHARP_FUZZ_SEED", "0"))


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    result = fuzz(SEED, COUNT, os.cpu_count() or 1)
    bases = sound_files()
    for index in sorted(result.wrong)[:100]:
        _, kind, content = make_input(SEED, index, bases)
        (tmp_path / f"{index}-{kind.replace(' ', '-')}").write_bytes(content)
    found = [f"{index}: {wrong}" for index, wrong in sorted(result.wrong.items())]
    assert not found, "\n".join([f"{len(found)} of {COUNT} files, see {tmp_path}", *found[:20]])
    assert result.counts.total() == COUNT
    for family in get_args(Family):  # else the damage is too little or too much to test anything
        assert result.counts[family, "accepted"] > 0 and result.counts[family, "refused"] > 0


@pytest.mark.slow
def test_sound_files_are_accepted(tmp_path: Path) -> None:
    """Otherwise damage to them tests nothing."""
    for family, files in sound_files().items():
        for kind, content in files.items():
            assert try_input(family, kind, content, tmp_path) == ("accepted", ""), kind
