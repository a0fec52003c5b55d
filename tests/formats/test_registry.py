"""Formats are chosen by suffix; an unknown one is refused with the list of known ones."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sharp_cli import Gaussians, SharpError
from sharp_cli.formats.registry import FORMATS, format_of, read_metadata, read_splat, write_splat


def splat() -> Gaussians:
    generator = torch.Generator().manual_seed(1)
    values = [torch.rand(300, *shape, generator=generator) for shape in ((3,), (3,), (4,), (), (3,))]
    return Gaussians(*values)


@pytest.mark.parametrize("known", [known for known in FORMATS if known.writer], ids=lambda known: known.suffix)
@pytest.mark.parametrize("upper", [False, True])
def test_every_format_reads_what_it_writes(tmp_path: Path, known, upper: bool) -> None:
    path = tmp_path / f"scene{known.suffix.upper() if upper else known.suffix}"
    assert format_of(path) is known
    if known.suffix == ".usdz":
        pytest.importorskip("pxr", reason="needs usd-core")
    write_splat(path, splat())
    assert path.stat().st_size > 300
    if known.reader:
        assert len(read_splat(path)) == 300


def test_the_compressed_suffix_comes_before_its_ending(tmp_path: Path) -> None:
    write_splat(tmp_path / "a.ply", splat())
    write_splat(tmp_path / "a.compressed.ply", splat())
    sizes = [(tmp_path / name).stat().st_size for name in ("a.compressed.ply", "a.ply")]
    assert sizes[0] < sizes[1] / 2


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.xyz", "folder.ply/a"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(SharpError, match=r"cannot write .*\.compressed\.ply, \.ply"):
        write_splat(tmp_path / name, splat())
    with pytest.raises(SharpError, match=r"cannot read .*\.compressed\.ply, \.ply"):
        read_splat(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_the_registry_imports_neither_torch_nor_numpy() -> None:
    script = "import sys, sharp_cli.formats.registry; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("known", [known for known in FORMATS if known.writer], ids=lambda known: known.suffix)
def test_metadata_of_megabytes_is_read_or_refused_at_writing(tmp_path: Path, known) -> None:
    if known.suffix == ".usdz":
        pytest.importorskip("pxr", reason="needs usd-core")
    path = tmp_path / f"a{known.suffix}"
    long = replace(splat(), facts={"license": "x" * 5_000_000})
    write_splat(path, long, {"source": "a.jpg"})
    assert read_metadata(path)["license"] == long.facts["license"]
    assert read_metadata(path)["source"] == "a.jpg"
    if known.reader:
        assert read_splat(path).facts == long.facts
    with pytest.raises(SharpError, match="shorten"):
        write_splat(path, replace(splat(), facts={"license": "x" * 50_000_000}))


@pytest.mark.parametrize("suffix", [".ply", ".compressed.ply", ".splat", ".glb"])
def test_the_license_in_files_made_earlier_is_found(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_splat(path, replace(splat(), facts={"license": "Anybody's."}), {"source": "a.jpg"})
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes().replace(b"license", b"licence"))
    assert any(b"licence" in file.read_bytes() for file in tmp_path.iterdir())
    assert read_metadata(path)["license"] == "Anybody's."
    if suffix != ".glb":
        assert read_splat(path).facts == {"license": "Anybody's."}
