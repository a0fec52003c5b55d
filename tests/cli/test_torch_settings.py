"""What a batch sets up before torch is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from sharp_cli.cli import main, network_batches
prepare = network_batches.prepare

def look(jobs):
    assert "torch" not in sys.modules
    prepare(jobs)
    from PIL import Image
    print("set up:", Image.core.get_blocks_max())
    sys.exit()

network_batches.prepare = look
main(sys.argv[1:])
"""


@pytest.mark.parametrize("option", ["--quiet", "--render", "--crop=3"])
def test_torch_is_loaded_after_its_settings(option: str, data: Path, tmp_path: Path) -> None:
    (tmp_path / "china.ply").write_bytes(b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n")
    photos = [data / "china.jpg", data / "rocket.jpg"]
    words = ["convert", *photos, "-o", tmp_path, "--weights", "preview", option]
    run = subprocess.run([sys.executable, "-c", SCRIPT, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert (run.stdout, run.stderr) == ("set up: 4\n", "")
