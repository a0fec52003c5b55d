"""`sharp watch` as a user runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import sharp
from test_convert_batch import encoded

pytest.importorskip("watchfiles", reason="needs the extra watch")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
def test_photos_are_converted_as_they_arrive(tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "first.jpg").write_bytes(encoded(0))
    words = ["watch", "in", "-o", "out", "--weights", str(tiny_weights), "--device", "cpu", "--settle", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "sharp_cli", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("first.ply" in line for line in lines)
        (tmp_path / "in" / "sub").mkdir()
        (tmp_path / "in" / "sub" / "second.jpg").write_bytes(encoded(1))
        assert any("second.ply" in line for line in lines)
        (tmp_path / "in" / "broken.jpg").write_bytes(b"no picture")
        assert any(line.startswith("failed") and "broken.jpg" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert "Stopped" in process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert {p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.glob("out/**/*.ply")} == {
        "first.ply", "sub/second.ply"
    }  # fmt: skip


def test_only_a_folder_can_be_watched(tmp_path: Path) -> None:
    run = sharp("watch", "missing", "-o", "out", cwd=tmp_path)
    assert run.returncode == 2
