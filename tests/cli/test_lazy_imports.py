"""A single photo costs no import that only services, clusters and stores need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from test_convert_batch import encoded

HEAVY = ["ray", "fsspec", "s3fs", "starlette", "uvicorn", "watchfiles"]

CODE = """
import json, sys
from sharp_cli.cli import main
try:
    main(json.loads(sys.argv[1]))
except SystemExit:
    pass
print(json.dumps([name for name in json.loads(sys.argv[2]) if name in sys.modules]))
"""


def test_converting_a_photo_imports_none_of_them(tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(0))
    words = ["convert", "a.jpg", "--weights", str(tiny_weights), "--device", "cpu", "-q"]
    command = [sys.executable, "-c", CODE, json.dumps(words), json.dumps(HEAVY)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout.splitlines()[-1]) == []
    assert (tmp_path / "a.ply").exists()
