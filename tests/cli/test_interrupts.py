"""Ctrl-C while torch is being imported, which must not be broken off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import importlib.abc, signal, sys

class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            print("importing", name, flush=True)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from sharp_cli.cli import main
main(sys.argv[2:])
"""
"""Runs ``sharp`` and presses Ctrl-C at the moment when it begins to import a module."""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("torch._C", "convert DATA/china.jpg -o OUT --weights WEIGHTS"),
        ("torch.nn", "convert DATA/china.jpg -o OUT --weights WEIGHTS"),
        ("torch.autograd", "render DATA/none.ply -o OUT"),
        ("torch.nn", "export DATA/none.ply OUT/none.spz --min-opacity 0.1"),
        ("torch.nn", "evaluate synthetic --weights WEIGHTS --limit 1 --sheets OUT/sheets"),
        ("torch.nn", "train preview --out OUT/run"),
    ],
)
def test_ctrl_c_ends_the_command_and_leaves_nothing(
    module: str, words: str, data: Path, small_weights: Path, tmp_path: Path
) -> None:
    places = {"DATA": data, "OUT": tmp_path, "WEIGHTS": small_weights}
    for name, place in places.items():
        words = words.replace(name, str(place))
    command = [sys.executable, "-c", COMMAND, module, *words.split()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.stdout == f"importing {module}\n"
    assert run.returncode == 130, run.stderr
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []
