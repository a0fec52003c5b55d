"""Reading facts: cheap, and of complete files only."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from sharp_cli import Gaussians, SharpError, write_ply
from sharp_cli.formats.ply_header import read_facts


def write(path: Path, facts: dict[str, str]) -> None:
    values = torch.ones(50, 4)
    xyz = values[:, :3]
    write_ply(path, Gaussians(xyz, xyz, values, values[:, 0] / 2, xyz, facts=facts))


def test_facts_come_without_torch_numpy_or_plyfile(tmp_path: Path) -> None:
    write(tmp_path / "a.ply", {"weights": "drawn"})
    script = (
        "import sys\n"
        "from sharp_cli.formats.ply_header import read_facts\n"
        "print(read_facts(sys.argv[1])['weights'])\n"
        "sys.exit(bool({'torch', 'numpy', 'plyfile'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a.ply")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, "drawn\n"), run.stderr


def test_facts_of_a_thousand_files_take_a_moment(tmp_path: Path) -> None:
    write(tmp_path / "a.ply", {"photo": "sunset.jpg"})
    start = time.perf_counter()
    for _ in range(1000):
        assert read_facts(tmp_path / "a.ply")["photo"] == "sunset.jpg"
    assert time.perf_counter() - start < 5  # 0.2 s on an idle machine


def test_facts_longer_than_the_first_look(tmp_path: Path) -> None:
    facts = {f"key{i}": "word " * 200 for i in range(40)}
    write(tmp_path / "a.ply", facts)
    assert read_facts(tmp_path / "a.ply").items() >= facts.items()


def test_a_header_without_end_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(b"ply\nformat ascii 1.0\n" + b"comment more and more\n" * 200_000)
    start = time.perf_counter()
    with pytest.raises(SharpError, match="header does not end"):
        read_facts(tmp_path / "a.ply")
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_kind_of_line_end(tmp_path: Path, newline: bytes) -> None:
    lines = b"ply|format binary_big_endian 1.0|comment|comment sharp a b c|obj_info x|element e 2|property uchar p|"
    content = (lines + b"end_header|").replace(b"|", newline)
    for values, complete in ((b"\n\n", True), (b"\r\n", True), (b"\n", False)):
        (tmp_path / "a.ply").write_bytes(content + values)
        if complete:
            assert read_facts(tmp_path / "a.ply") == {"a": "b c"}
        else:
            with pytest.raises(SharpError, match="promises at least"):
                read_facts(tmp_path / "a.ply")


def test_of_an_ascii_file_only_the_header_is_checked(tmp_path: Path) -> None:
    content = b"ply\nformat ascii 1.0\ncomment sharp a b\nelement e 2\nproperty uchar p\nend_header\n255\n255\n"
    (tmp_path / "a.ply").write_bytes(content)
    assert read_facts(tmp_path / "a.ply") == {"a": "b"}
