"""The formats .splat, .spz, .sog and .glb: what is written comes back within each format's steps."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from splats import columns_of, grid_splat, hostile_splat, random_splat

from sharp_cli.errors import SharpError
from sharp_cli.formats.codebook import fit_codebook, fit_palette, quantize
from sharp_cli.formats.columns import SplatColumns, morton_order
from sharp_cli.formats.glb import write_glb
from sharp_cli.formats.quaternions import pack_smallest_three, unpack_smallest_three
from sharp_cli.formats.registry import read_splat, write_splat
from sharp_cli.formats.sog import write_sog
from sharp_cli.formats.splat import write_splat_file
from sharp_cli.formats.spz import read_spz_metadata, write_spz
from sharp_cli.formats.stored import as_stored
from sharp_cli.gaussians.gaussians import Gaussians

Writer = Callable[[Path, Gaussians], None]


def write_spz4(path: Path, gaussians: Gaussians) -> None:
    write_spz(path, as_stored(gaussians), version=4)


def angles(a: SplatColumns, b: SplatColumns) -> np.ndarray:
    """Between two sets of rotations [degrees]."""
    products = np.abs((a.quats.astype(np.float64) * b.quats).sum(axis=1) / np.linalg.norm(b.quats, axis=1))
    return np.degrees(2 * np.arccos(products.clip(0, 1)))


@pytest.mark.parametrize("write", [write_splat, write_spz4])
@pytest.mark.parametrize("degree", [0, 1, 3])
def test_spz_keeps_values_to_its_steps(write: Writer, degree: int, tmp_path: Path) -> None:
    gaussians = random_splat(500, degree)
    write(tmp_path / "a.spz", gaussians)
    before, after = columns_of(gaussians), columns_of(read_splat(tmp_path / "a.spz"))
    np.testing.assert_allclose(after.means, before.means, atol=0.5001 / 4096)
    np.testing.assert_allclose(after.log_scales, before.log_scales.clip(-10, 5.94), atol=0.5001 / 16)
    np.testing.assert_allclose(after.opacities, before.opacities, atol=0.5001 / 255)
    np.testing.assert_allclose(after.dc, before.dc, atol=0.5001 / (0.15 * 255))
    assert angles(before, after).max() < 0.3
    if degree:
        assert after.sh is not None
        np.testing.assert_allclose(after.sh, before.sh, atol=0.5001 / 128)
    else:
        assert after.sh is None


def test_spz_far_away_gives_up_fraction_instead_of_clamping(tmp_path: Path) -> None:
    gaussians = random_splat(10)
    gaussians.means[0, 2] = 20_000.0
    write_spz(tmp_path / "a.spz", as_stored(gaussians))
    assert float(read_splat(tmp_path / "a.spz").means[0, 2]) == pytest.approx(20_000, abs=0.01)


def test_spz_moves_gaussians_beyond_its_range_nearer_along_the_ray(tmp_path: Path) -> None:
    gaussians = random_splat(10)
    gaussians.means[0] = torch.tensor([1e5, 2e5, 1e6])
    gaussians.scales[0] = 100.0
    write_spz(tmp_path / "a.spz", as_stored(gaussians))
    found = read_splat(tmp_path / "a.spz")
    torch.testing.assert_close(found.means[0] / found.means[0, 2], torch.tensor([0.1, 0.2, 1.0]))
    torch.testing.assert_close(found.scales[0] / found.means[0, 2], torch.full((3,), 1e-4), rtol=0.04, atol=0)
    torch.testing.assert_close(found.means[1:], gaussians.means[1:], atol=0.5 / 256, rtol=0)


def test_splat_keeps_values_and_puts_the_most_visible_first(tmp_path: Path) -> None:
    gaussians = random_splat(200)
    write_splat_file(tmp_path / "a.splat", as_stored(gaussians))
    before, after = columns_of(gaussians), columns_of(read_splat(tmp_path / "a.splat"))
    order = np.argsort(-(before.opacities * np.exp(before.log_scales.sum(axis=1, dtype=np.float64))), kind="stable")
    before = before.take(order)
    np.testing.assert_array_equal(after.means, before.means)
    np.testing.assert_allclose(after.log_scales, before.log_scales, atol=1e-5)
    np.testing.assert_allclose(after.opacities, before.opacities, atol=0.5001 / 255)
    assert angles(before, after).max() < 2


@pytest.mark.parametrize("degree", [0, 2])
def test_sog_keeps_values_to_its_steps(degree: int, tmp_path: Path) -> None:
    gaussians = random_splat(900, degree)
    write_sog(tmp_path / "a.sog", as_stored(gaussians))
    before = columns_of(gaussians)
    before = before.take(morton_order(before.means))
    after = columns_of(read_splat(tmp_path / "a.sog"))
    np.testing.assert_allclose(after.means, before.means, atol=1e-3)
    np.testing.assert_allclose(after.log_scales, before.log_scales, atol=0.1)
    np.testing.assert_allclose(after.opacities, before.opacities, atol=0.5001 / 255)
    np.testing.assert_allclose(after.dc, before.dc, atol=0.03)
    assert angles(before, after).max() < 1.2
    if degree:
        assert after.sh is not None and before.sh is not None
        np.testing.assert_allclose(after.sh, before.sh, atol=0.01)  # every Gaussian has a palette entry of its own


def test_sog_keeps_the_predictors_grid(tmp_path: Path) -> None:
    gaussians = grid_splat(16)
    write_sog(tmp_path / "a.sog", as_stored(gaussians))
    np.testing.assert_allclose(read_splat(tmp_path / "a.sog").means, gaussians.means, atol=1e-3)
    with zipfile.ZipFile(tmp_path / "a.sog") as archive:
        assert sorted(archive.namelist()) == sorted(
            ["meta.json", "means_l.webp", "means_u.webp", "quats.webp", "scales.webp", "sh0.webp"]
        )


READ = ["splat", "spz", "sog"]


@pytest.mark.parametrize("suffix", READ)
def test_extreme_values_come_back_finite(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write_splat(path, hostile_splat())
    found = read_splat(path)
    assert len(found) == 64
    for values in (found.means, found.scales, found.quats, found.opacities, found.colors):
        assert bool(values.isfinite().all())
    # Gaussians with a zero quaternion are not rendered; the format can only store that as opacity.
    assert int((found.opacities == 0).sum()) >= 2


@pytest.mark.parametrize("suffix", READ)
def test_a_splat_of_one_gaussian(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write_splat(path, random_splat(1))
    np.testing.assert_allclose(read_splat(path).means, random_splat(1).means, atol=1e-3)


@pytest.mark.parametrize("suffix", READ)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_damaged_files_are_refused_or_read(suffix: str, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write_splat(path, random_splat(40, degree=1 if suffix != "splat" else 0))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(SharpError):
        read_splat(path)


def test_spz_refuses_more_gaussians_than_its_size_allows(tmp_path: Path) -> None:
    header = struct.pack("<IIIBBBB", 0x5053474E, 3, 2**31, 0, 12, 0, 0)
    packer = zlib.compressobj(wbits=31)
    (tmp_path / "a.spz").write_bytes(packer.compress(header) + packer.flush())
    with pytest.raises(SharpError, match="cannot be in"):
        read_splat(tmp_path / "a.spz")


def test_sog_refuses_more_gaussians_than_its_size_allows(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.sog", "w") as archive:
        archive.writestr("meta.json", json.dumps({"version": 2, "count": 10**9}))
    with pytest.raises(SharpError, match="cannot be in"):
        read_splat(tmp_path / "a.sog")


def test_glb_is_a_point_primitive_with_the_extension(tmp_path: Path) -> None:
    gaussians = random_splat(20, degree=1)
    write_glb(tmp_path / "a.glb", as_stored(gaussians))
    content = (tmp_path / "a.glb").read_bytes()
    magic, version, length, text_bytes, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    document = json.loads(content[20 : 20 + text_bytes])
    assert document["extensionsUsed"] == ["KHR_gaussian_splatting"]
    names = document["meshes"][0]["primitives"][0]["attributes"]
    assert "KHR_gaussian_splatting:SH_DEGREE_1_COEF_2" in names
    view = document["bufferViews"][document["accessors"][names["POSITION"]]["bufferView"]]
    start = 28 + text_bytes + view["byteOffset"]
    found = np.frombuffer(content, "<f4", 60, start).reshape(20, 3)
    np.testing.assert_array_equal(found, gaussians.means.numpy() * np.array([1, -1, -1], np.float32))


@given(seed=st.integers(0, 2**32 - 1))
def test_packed_rotations_come_back(seed: int) -> None:
    quats = np.random.default_rng(seed).normal(size=(50, 4)).astype(np.float32)
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    found = unpack_smallest_three(pack_smallest_three(quats))
    # Each of three parts is off by at most half a step of 1 / (511 √2).
    assert np.abs((found * quats).sum(axis=1)).min() > 1 - 1e-5


@given(values=st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=400))
def test_a_codebook_is_at_most_a_coarse_step_off(values: list[float]) -> None:
    array = np.array(values, np.float32)
    book = fit_codebook(array)
    assert (np.diff(book) >= 0).all() and len(book) == 256
    assert np.abs(book[quantize(array, book)] - array).max() <= (np.ptp(array) / 100) + 1e-5


def test_a_palette_has_even_groups() -> None:
    vectors = np.random.default_rng(0).normal(size=(1000, 5)).astype(np.float32)
    palette, groups = fit_palette(vectors, 64)
    assert palette.shape == (64, 5)
    assert set(np.bincount(groups)) <= {15, 16}
    assert ((palette[groups] - vectors) ** 2).mean() < 0.7 * vectors.var()


@pytest.mark.parametrize("suffix", ["spz", "sog"])
def test_camera_and_provenance_go_along(suffix: str, tmp_path: Path) -> None:
    gaussians = replace(grid_splat(8), facts={"weights": "tiny", "license": "for \u201cresearch\u201d only"})
    path = tmp_path / f"a.{suffix}"
    write_splat(path, gaussians)
    found = read_splat(path)
    assert found.camera == gaussians.camera
    assert found.facts == gaussians.facts


@pytest.mark.parametrize("suffix", READ)
def test_what_is_not_a_file_of_the_format_says_so(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(b"not a splat")
    (tmp_path / f"b.{suffix}").mkdir()
    for name in ("a", "b", "none"):
        with pytest.raises(SharpError, match=f"cannot read .*{name}.{suffix}"):
            read_splat(tmp_path / f"{name}.{suffix}")


def test_rows_that_are_not_finite_are_dropped(tmp_path: Path) -> None:
    write_splat_file(tmp_path / "a.splat", as_stored(random_splat(5)))
    content = bytearray((tmp_path / "a.splat").read_bytes())
    content[:4] = b"\xff" * 4
    (tmp_path / "a.splat").write_bytes(content)
    assert len(read_splat(tmp_path / "a.splat")) == 4
    (tmp_path / "a.splat").write_bytes(content[:32])
    with pytest.raises(SharpError, match="finite"):
        read_splat(tmp_path / "a.splat")


def test_spz_version_4_keeps_metadata_where_readers_pass_over_it(tmp_path: Path) -> None:
    path = tmp_path / "a.spz"
    write_spz(path, as_stored(replace(grid_splat(), facts={"license": "MIT"})), {"source": "a.jpg"}, version=4)
    assert read_splat(path).facts == {"license": "MIT"} and read_splat(path).camera == grid_splat().camera
    assert read_spz_metadata(path)["source"] == "a.jpg"
    content = path.read_bytes()
    start = int.from_bytes(content[16:20], "little")
    foreign = struct.pack("<II", 0xADBE0002, 4) + b"\1\2\3\4"
    path.write_bytes(content[:16] + struct.pack("<I", start + 12) + content[20:32] + foreign + content[32:])
    assert read_splat(path).facts == {"license": "MIT"}
    assert read_spz_metadata(path)["source"] == "a.jpg"
    path.write_bytes(content[:-1])
    with pytest.raises(SharpError, match="size does not fit"):
        read_spz_metadata(path)
    path.write_bytes(content[:32])
    with pytest.raises(SharpError, match="do not fit"):
        read_spz_metadata(path)


def test_a_sog_whose_folder_was_zipped_is_read_and_other_versions_are_named(tmp_path: Path) -> None:
    write_sog(tmp_path / "a.sog", as_stored(random_splat(40)))
    with zipfile.ZipFile(tmp_path / "a.sog") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "b.sog", "w") as archive:
        for name, content in members.items():
            archive.writestr(f"scene/{name}", content)
    assert read_splat(tmp_path / "b.sog") == read_splat(tmp_path / "a.sog")
    with zipfile.ZipFile(tmp_path / "c.sog", "w") as archive:
        archive.writestr("meta.json", json.dumps({"means": {}}))
    with pytest.raises(SharpError, match=r"version 1, and only version 2"):
        read_splat(tmp_path / "c.sog")
    with zipfile.ZipFile(tmp_path / "d.sog", "w") as archive:
        archive.writestr("readme.txt", "")
    with pytest.raises(SharpError, match=r"holds no meta\.json"):
        read_splat(tmp_path / "d.sog")
