"""Splats at the ends of what files can hold, and beyond: no warning reaches users, and no format loses its head."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from splats import grid_splat, random_splat

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SplatColumns
from sharp_cli.formats.compare import compare_splats
from sharp_cli.formats.registry import FORMATS, read_stored, write_splat
from sharp_cli.formats.stored import StoredSplat, as_stored
from sharp_cli.formats.summary import summarize

WRITTEN = [known.suffix for known in FORMATS if known.writer and known.suffix != ".usdz"]
READ = [suffix for suffix in WRITTEN if suffix != ".glb"]
EXTREME = np.float32(3e38)


@pytest.fixture(autouse=True)
def warnings_are_errors() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def changed(part: str, value: float, degree: int = 3) -> StoredSplat:
    """A splat with one value of a part for half of its Gaussians, and the opposite for two."""
    columns = as_stored(random_splat(300, degree)).columns
    values = np.array(getattr(columns, part))
    values[:150], values[150:152] = value, -value
    return StoredSplat(columns._replace(**{part: values}), camera=grid_splat().camera)


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("means", EXTREME),
        ("means", 1e-45),
        ("dc", EXTREME),
        ("dc", 1e-45),
        ("sh", EXTREME),
        ("sh", 1e-45),
        ("log_scales", 88.7),
        ("log_scales", 1e-45),
        ("quats", EXTREME),
        ("quats", 1e-38),
    ],
)
def test_extreme_values_are_written(part: str, value: float, suffix: str, tmp_path: Path) -> None:
    splat = changed(part, value)
    path = tmp_path / f"a{suffix}"
    write_splat(path, splat)
    if suffix in READ:
        summarize(path)
        found = read_stored(path).columns
        kept = found if suffix != ".compressed.ply" else found.take(np.flatnonzero(found.opacities > 0))
        assert len(kept.means) <= 300


def test_far_positions_keep_their_sides_in_a_compressed_file(tmp_path: Path) -> None:
    splat = changed("means", EXTREME, degree=0)
    write_splat(tmp_path / "a.compressed.ply", splat)
    found = read_stored(tmp_path / "a.compressed.ply").columns
    assert found.means.max() > 2e38 and found.means.min() < -2e38


@pytest.mark.parametrize("part", ["dc", "log_scales", "sh"])
def test_values_that_are_almost_the_same_have_a_codebook(part: str, tmp_path: Path) -> None:
    columns = as_stored(random_splat(50, 1)).columns
    columns = columns._replace(**{part: np.full_like(getattr(columns, part), 1e-45)})
    write_splat(tmp_path / "a.sog", StoredSplat(columns))
    np.testing.assert_allclose(getattr(read_stored(tmp_path / "a.sog").columns, part), 0, atol=1e-30)


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_splat_of_no_gaussians_is_written_or_refused(suffix: str, tmp_path: Path) -> None:
    none = as_stored(random_splat(5, 2)).columns.take(np.arange(0))
    path = tmp_path / f"a{suffix}"
    if suffix == ".glb":
        with pytest.raises(SharpError, match="must hold a Gaussian"):
            write_splat(path, StoredSplat(none))
        assert not path.exists()
        return
    write_splat(path, StoredSplat(none))
    assert len(read_stored(path)) == 0


@pytest.mark.parametrize("suffix", READ)
def test_a_splat_that_is_never_rendered_is_written(suffix: str, tmp_path: Path) -> None:
    columns: SplatColumns = as_stored(random_splat(5, 2)).columns
    write_splat(tmp_path / f"a{suffix}", StoredSplat(columns._replace(quats=np.zeros_like(columns.quats))))
    assert not (read_stored(tmp_path / f"a{suffix}").columns.to_write().opacities > 0).any()


def test_a_splat_does_not_differ_from_itself() -> None:
    splat = as_stored(random_splat(200))
    alone = replace(splat, columns=splat.columns._replace(means=np.ones_like(splat.columns.means)))
    for each in (splat, alone):
        found = compare_splats(each, each)
        assert found.rotation.largest < 1e-5 and found.log_scale.largest == found.position.largest == 0


def test_a_file_that_cannot_be_written_leaves_the_record_of_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.splat"
    write_splat(path, grid_splat())
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    write = Path.write_bytes

    def fail(file: Path, data: bytes) -> int:
        write(file, data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space"):
        write_splat(path, grid_splat(), axes="opengl")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_damaged_lzma_is_one_sentence(tmp_path: Path) -> None:
    write_splat(tmp_path / "a.sog", grid_splat())
    with zipfile.ZipFile(tmp_path / "a.sog") as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(tmp_path / "b.sog", "w", zipfile.ZIP_LZMA) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    assert len(read_stored(tmp_path / "b.sog")) == len(grid_splat())
    with zipfile.ZipFile(tmp_path / "b.sog") as packed:
        start = packed.getinfo("meta.json").header_offset + 30 + len("meta.json")
    content = bytearray((tmp_path / "b.sog").read_bytes())
    content[start + 4 : start + 9] = b"\xff" * 5  # the properties of the stream
    (tmp_path / "b.sog").write_bytes(content)
    with pytest.raises(SharpError, match=r"^cannot read .*not a complete .sog file"):
        read_stored(tmp_path / "b.sog")


def test_what_is_wrong_with_metadata_stays_short(tmp_path: Path) -> None:
    write_splat(tmp_path / "a.sog", grid_splat())
    with zipfile.ZipFile(tmp_path / "a.sog") as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    meta = json.loads(members["meta.json"])
    for broken in ({**meta, "version": "9" * 50_000}, {**meta, "count": "9" * 50_000}):
        with zipfile.ZipFile(tmp_path / "b.sog", "w") as packed:
            for name, content in {**members, "meta.json": json.dumps(broken).encode()}.items():
                packed.writestr(name, content)
        with pytest.raises(SharpError) as caught:
            read_stored(tmp_path / "b.sog")
        assert len(str(caught.value)) < 500 + len(os.fspath(tmp_path))
