"""Reading facts: cheap, and of complete files only."""

from __future__ import annotations

import subprocess
import sys
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
    write(tmp_path / "a.ply", {"weights": "random"})
    script = (
        "import sys\n"
        "from sharp_cli.formats.ply_header import read_facts\n"
        "print(read_facts(sys.argv[1])['weights'])\n"
        "sys.exit(bool({'torch', 'numpy', 'plyfile'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a.ply")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, "random\n"), run.stderr


def test_facts_longer_than_the_first_look(tmp_path: Path) -> None:
    facts = {f"key{i}": "word " * 200 for i in range(40)}
    write(tmp_path / "a.ply", facts)
    assert read_facts(tmp_path / "a.ply").items() >= facts.items()


def test_a_long_license_reads_back(tmp_path: Path) -> None:
    facts = {"license": "Größe " * 900_000}
    write(tmp_path / "a.ply", facts)
    assert (tmp_path / "a.ply").stat().st_size > 5_000_000
    assert read_facts(tmp_path / "a.ply")["license"] == facts["license"]


def test_facts_that_no_reader_would_read_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match="facts fill more than 32 MB"):
        write(tmp_path / "a.ply", {"license": "x" * 40_000_000})
    assert not list(tmp_path.iterdir())


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(b"ply\nformat ascii 1.0\n" + b"comment more and more\n" * 200_000)
    with pytest.raises(SharpError, match="header does not end"):
        read_facts(tmp_path / "a.ply")


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_kind_of_line_end(tmp_path: Path, newline: bytes) -> None:
    lines = b"ply|format binary_big_endian 1.0|comment|comment sharp a b c|obj_info x|element e 2|property uchar p|"
    content = (lines + b"end_header|").replace(b"|", newline)
    for values, complete in ((b"\n\n", True), (b"\r\n", True), (b"\n", False)):
        (tmp_path / "a.ply").write_bytes(content + values)
        if complete:
            assert read_facts(tmp_path / "a.ply") == {"a": "b c"}
        else:
            with pytest.raises(SharpError, match="declares at least"):
                read_facts(tmp_path / "a.ply")


def test_of_an_ascii_file_only_the_header_is_checked(tmp_path: Path) -> None:
    content = b"ply\nformat ascii 1.0\ncomment sharp a b\nelement e 2\nproperty uchar p\nend_header\n255\n255\n"
    (tmp_path / "a.ply").write_bytes(content)
    assert read_facts(tmp_path / "a.ply") == {"a": "b"}
