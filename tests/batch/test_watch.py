"""Files that arrive are given once, when they are complete."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

import pytest

from sharp_cli.batch.watch import Arrivals, watch


def test_a_file_is_given_when_it_has_stayed_the_same(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    arrivals = Arrivals(2.0)
    photo.write_bytes(b"x")
    arrivals.add([photo], now=0.0)
    assert arrivals.take(now=1.9) == []
    photo.write_bytes(b"xx")  # it still grows, and nobody says so
    assert arrivals.take(now=2.1) == []
    assert arrivals.take(now=4.2) == [photo]
    assert arrivals.take(now=9.0) == []
    arrivals.add([photo], now=10.0)  # an event without a change
    assert arrivals.take(now=20.0) == []
    os.utime(photo, ns=(1, 1))
    arrivals.add([photo], now=30.0)
    assert arrivals.take(now=33.0) == [photo]


def test_empty_and_deleted_files_are_not_given(tmp_path: Path) -> None:
    empty, gone = tmp_path / "empty.jpg", tmp_path / "gone.jpg"
    empty.touch()
    gone.write_bytes(b"x")
    arrivals = Arrivals(1.0)
    arrivals.add([empty, gone], now=0.0)
    gone.unlink()
    assert arrivals.take(now=5.0) == []


def test_files_that_are_there_and_files_that_come(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles", reason="needs the extra watch")
    folder = tmp_path.resolve()
    (folder / "first.jpg").write_bytes(b"x")
    (folder / ".hidden.jpg").write_bytes(b"x")
    (folder / "notes.txt").write_bytes(b"x")
    stop = Event()
    given = watch(tmp_path, frozenset({".jpg"}), stop, seconds=0.0)
    assert next(given) == [folder / "first.jpg"]
    (folder / "sub").mkdir()
    (folder / "sub" / "second.JPG").write_bytes(b"x")
    assert next(given) == [folder / "sub" / "second.JPG"]
    stop.set()
    assert list(given) == []
