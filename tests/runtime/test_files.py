"""Files that appear complete or not at all, and cleanup after killed writers."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sharp_cli.runtime.files import atomic_folder, atomic_write, remove_leftovers, sha256_of


def test_a_file_appears_complete(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    with atomic_write(target) as temporary:
        temporary.write_text("all of it")
        assert not target.exists()
        assert remove_leftovers(target.parent) == 0, "its writer is alive"
    assert target.read_text() == "all of it"
    assert [p.name for p in target.parent.iterdir()] == ["file"]


def test_a_folder_appears_complete_and_replaces_an_older_one(tmp_path: Path) -> None:
    target = tmp_path / "frames"
    for content in ("old", "new"):
        with atomic_folder(target, lambda path: None) as temporary:
            (temporary / content).write_text(content)
            assert remove_leftovers(tmp_path) == 0, "its writer is alive"
            assert not (target / content).exists()
        assert [p.name for p in target.iterdir()] == [content]
    with pytest.raises(KeyboardInterrupt), atomic_folder(target, lambda path: None):
        raise KeyboardInterrupt
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["frames", "frames/new"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "file") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "old")]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("maker", ["atomic_write(path)", "atomic_folder(path, print)"])
def test_leftovers_of_a_killed_writer_are_removed(tmp_path: Path, maker: str) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from sharp_cli.runtime.files import atomic_folder, atomic_write\n"
        "path = Path(sys.argv[1])\n"
        f"with {maker} as part:\n"
        "    (part / 'frame' if part.is_dir() else part).write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "file")], check=False, timeout=60)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".sharp-")
    assert remove_leftovers(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_result_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of fsync and rename, by which a power loss leaves a complete result or none."""
    events: list[str] = []

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        events.append("folder" if stat.S_ISDIR(status.st_mode) else f"{status.st_size} bytes")

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, target: (events.append(f"rename to {target.name}"), function(self, target))[1]

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", noted(Path.replace))
    monkeypatch.setattr(Path, "rename", noted(Path.rename))
    with atomic_write(tmp_path / "file") as temporary:
        temporary.write_text("all of it")
    with atomic_folder(tmp_path / "frames", lambda path: None) as temporary:
        (temporary / "frame").write_text("one")
    with atomic_write(tmp_path / "cache", durable=False) as temporary:
        temporary.write_text("may be lost")
    folders = [] if sys.platform == "win32" else ["folder"]
    assert events == [
        *("9 bytes", "rename to file", *folders),
        *("3 bytes", *folders, "rename to frames", *folders),
        "rename to cache",
    ]


def test_what_the_disk_cannot_store_gets_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="space"), atomic_write(tmp_path / "file") as temporary:
        temporary.write_text("all of it")
    assert list(tmp_path.iterdir()) == []


def test_sha256_of(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    calls = []
    digest = sha256_of(path, lambda done, total: calls.append((done, total)))
    assert digest.hexdigest() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert calls == [(3, 3)]
