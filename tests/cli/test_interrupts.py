"""Ctrl-C while torch is being imported, which cannot be broken off."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = "import sys; from sharp_cli.cli import main; print('up', flush=True); main()"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("convert DATA/china.jpg -o OUT --weights WEIGHTS", 0.7),
        ("convert DATA/china.jpg -o OUT --weights WEIGHTS", 1.0),
        ("convert DATA/china.jpg -o OUT --weights WEIGHTS", 2.0),
        ("render DATA/none.ply -o OUT", 0.7),
        ("inspect DATA/none.ply", 0.7),
        ("evaluate synthetic --weights WEIGHTS --limit 1 --sheets OUT/sheets", 0.7),
        ("train preview --out OUT/run", 0.7),
    ],
)
def test_ctrl_c_ends_quickly_and_leaves_nothing(
    words: str, seconds: float, data: Path, small_weights: Path, tmp_path: Path
) -> None:
    places = {"DATA": data, "OUT": tmp_path, "WEIGHTS": small_weights}
    for name, place in places.items():
        words = words.replace(name, str(place))
    command = [sys.executable, "-c", COMMAND, *words.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        start = time.perf_counter()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert time.perf_counter() - start < 20
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []
