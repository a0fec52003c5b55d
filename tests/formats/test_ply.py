""".ply files: equal to the published tool's, readable back, finite for any splat."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plyfile import PlyData, PlyElement
from safetensors.torch import load_file

from sharp_cli import Camera, Gaussians, SharpError, read_ply, write_ply
from sharp_cli.cli import choices
from sharp_cli.formats.ply import PlyLayout
from sharp_cli.formats.ply_pack import pack
from sharp_cli.formats.ply_vertices import CHUNK
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.covariance import covariances
from sharp_cli.gaussians.sh import SH_C0


@pytest.fixture(scope="module")
def scene(data: Path) -> Gaussians:
    stored = load_file(data / "golden" / "scene.safetensors")
    return Gaussians(
        means=stored["means"],
        scales=stored["scales"],
        quats=stored["quaternions"],
        opacities=stored["opacities"],
        colors=stored["colors_linear"],
        camera=Camera(640, 427, 550.0),
        facts={"weights": "random", "focal_from": "EXIF 26 mm, «Größe»\nnext line"},
    )


def header(path: Path) -> bytes:
    return path.read_bytes().split(b"end_header\n")[0]


def assert_same(found: Gaussians, expected: Gaussians) -> None:
    torch.testing.assert_close(found.means, expected.means)
    torch.testing.assert_close(found.opacities, expected.opacities)
    torch.testing.assert_close(found.colors, expected.colors)
    torch.testing.assert_close(
        covariances(found.scales, found.quats), covariances(expected.scales, expected.quats), rtol=1e-4, atol=1e-7
    )


def test_layout_sharp_equals_the_published_file(scene: Gaussians, data: Path, tmp_path: Path) -> None:
    golden, path = data / "golden" / "scene.ply", tmp_path / "scene.ply"
    write_ply(path, replace(scene, facts={}), layout="sharp")
    assert header(path) == header(golden)
    found, expected = PlyData.read(path), PlyData.read(golden)
    for ours, theirs in zip(found.elements, expected.elements, strict=True):
        for name in theirs.data.dtype.names:
            np.testing.assert_allclose(ours.data[name], theirs.data[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", get_args(PlyLayout))
def test_all_layouts_read_back(scene: Gaussians, tmp_path: Path, layout: str) -> None:
    write_ply(tmp_path / "scene.ply", scene, layout=layout)
    found = read_ply(tmp_path / "scene.ply")
    assert_same(found, scene)
    assert found.camera == scene.camera
    assert found.facts == scene.facts
    assert found.sh is None


def test_the_published_file_reads(scene: Gaussians, data: Path) -> None:
    found = read_ply(data / "golden" / "scene.ply")
    assert_same(found, scene)
    assert found.camera == scene.camera


def test_standard_layout_holds_vertex_alone_and_facts_in_ascii_comments(scene: Gaussians, tmp_path: Path) -> None:
    write_ply(tmp_path / "scene.ply", scene)
    ply = PlyData.read(tmp_path / "scene.ply")
    assert [element.name for element in ply.elements] == ["vertex"]
    assert len(ply["vertex"].properties) == 14
    header(tmp_path / "scene.ply").decode("ascii")
    found = read_ply(tmp_path / "scene.ply")
    assert found.facts == scene.facts


def test_layout_full_has_the_properties_of_the_original_in_their_order(scene: Gaussians, tmp_path: Path) -> None:
    write_ply(tmp_path / "scene.ply", scene, layout="full")
    ply = PlyData.read(tmp_path / "scene.ply")
    assert [element.name for element in ply.elements] == ["vertex"]
    rest = " ".join(f"f_rest_{i}" for i in range(45))
    names = f"x y z nx ny nz f_dc_0 f_dc_1 f_dc_2 {rest} opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3"
    assert " ".join(p.name for p in ply["vertex"].properties) == names
    for name in ("nx", "ny", "nz", "f_rest_0", "f_rest_44"):
        assert (ply["vertex"].data[name] == 0).all()


def with_harmonics(scene: Gaussians, coefficients: int) -> Gaussians:
    generator = torch.Generator().manual_seed(coefficients)
    return replace(scene, sh=torch.randn(len(scene), coefficients, 3, generator=generator))


@pytest.mark.parametrize("coefficients", [3, 8, 15, 24])
def test_harmonics_are_stored_channel_by_channel(scene: Gaussians, tmp_path: Path, coefficients: int) -> None:
    scene = with_harmonics(scene, coefficients)
    assert scene.sh is not None
    write_ply(tmp_path / "standard.ply", scene)
    vertex = PlyData.read(tmp_path / "standard.ply")["vertex"].data
    assert sum(name.startswith("f_rest_") for name in vertex.dtype.names) == 3 * coefficients
    for c, k in ((0, 0), (0, coefficients - 1), (1, 0), (2, 1)):
        np.testing.assert_array_equal(vertex[f"f_rest_{c * coefficients + k}"], scene.sh[:, k, c].numpy())
    found = read_ply(tmp_path / "standard.ply")
    assert_same(found, scene)
    torch.testing.assert_close(found.sh, scene.sh, rtol=0, atol=0)

    write_ply(tmp_path / "full.ply", scene, layout="full")
    full = read_ply(tmp_path / "full.ply").sh
    assert full is not None
    assert full.shape[1] == max(coefficients, 15)
    torch.testing.assert_close(full[:, :coefficients], scene.sh, rtol=0, atol=0)
    assert (full[:, coefficients:] == 0).all()

    write_ply(tmp_path / "sharp.ply", scene, layout="sharp")
    assert read_ply(tmp_path / "sharp.ply").sh is None


def test_harmonics_of_a_linear_file_are_brought_to_srgb_by_the_slope(scene: Gaussians, tmp_path: Path) -> None:
    scene = with_harmonics(replace(scene, colors=scene.colors.clamp(0.05, 0.8)), 3)
    assert scene.sh is not None
    write_ply(tmp_path / "srgb.ply", scene)
    stored = (tmp_path / "srgb.ply").read_bytes()
    (tmp_path / "linear.ply").write_bytes(stored.replace(b"color_space srgb", b"color_space linear"))
    linear = read_ply(tmp_path / "linear.ply")
    step = 1e-4
    slope = (linear_to_srgb(linear.colors.double() + step) - linear_to_srgb(linear.colors.double() - step)) / (2 * step)
    torch.testing.assert_close(linear.sh, (slope[:, None] * scene.sh).float(), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(linear.colors, linear_to_srgb(scene.colors), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", get_args(PlyLayout))
def test_any_text_is_kept_as_a_fact(scene: Gaussians, tmp_path: Path, layout: PlyLayout) -> None:
    facts = {"path": "C:\\new\\x41 ", "odd": " two  spaces\ttab\r\n\x1b[31m", "name": "Größe 😀 \udc80", "none": ""}
    facts |= {"end": "end_header", "color_space": "linear", "image_size": "1 1"}
    write_ply(tmp_path / "scene.ply", replace(scene, facts=facts), layout=layout)
    header(tmp_path / "scene.ply").decode("ascii")
    found = read_ply(tmp_path / "scene.ply")
    assert_same(found, scene)
    assert found.camera == scene.camera
    assert found.facts == {k: v for k, v in facts.items() if k not in ("color_space", "image_size")}


def test_infinite_logits_and_logarithms_of_other_tools_have_a_meaning(scene: Gaussians, tmp_path: Path) -> None:
    write_ply(tmp_path / "scene.ply", scene)
    ply = PlyData.read(tmp_path / "scene.ply")
    ply["vertex"].data["opacity"][:2] = [np.inf, -np.inf]
    ply["vertex"].data["scale_1"][3] = -np.inf
    ply.write(tmp_path / "infinite.ply")
    found = read_ply(tmp_path / "infinite.ply")
    assert found.opacities[:2].tolist() == [1.0, 0.0]
    assert found.scales[3, 1] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_full_disk_is_an_os_error_that_says_so(scene: Gaussians, tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)) as caught:
            write_ply(tmp_path / "scene.ply", scene)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_offers_all_layouts() -> None:
    assert [choice.value for choice in choices.PlyLayout] == list(get_args(PlyLayout))


def test_saturated_opacity_and_zero_scale_stay_finite(scene: Gaussians, tmp_path: Path) -> None:
    opacities = scene.opacities.clone()
    opacities[:2] = torch.tensor([0.0, 1.0])
    scales = scene.scales.clone()
    scales[:5] = 0
    write_ply(tmp_path / "scene.ply", replace(scene, opacities=opacities, scales=scales))
    vertex = PlyData.read(tmp_path / "scene.ply")["vertex"].data
    assert all(np.isfinite(vertex[name]).all() for name in vertex.dtype.names)
    found = read_ply(tmp_path / "scene.ply")
    torch.testing.assert_close(found.opacities, opacities, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.scales, scales, rtol=1e-5, atol=1e-9)


def third_party(scene: Gaussians, tmp_path: Path, **plydata: object) -> Path:
    """A file as other tools write it: normals, reordered and doubled properties, no camera."""
    write_ply(tmp_path / "ours.ply", scene)
    ours = PlyData.read(tmp_path / "ours.ply")["vertex"].data
    names = ["nx", "rot_3", "rot_2", "rot_1", "rot_0", *sorted(set(ours.dtype.names) - {f"rot_{i}" for i in range(4)})]
    rows = np.zeros(len(ours), [(name, "f8" if name == "x" else "f4") for name in names])
    for name in ours.dtype.names:
        rows[name] = ours[name]
    path = tmp_path / "theirs.ply"
    PlyData([PlyElement.describe(rows, "vertex")], **plydata).write(path)
    return path


@pytest.mark.parametrize("plydata", [{}, {"byte_order": ">"}, {"text": True}])
def test_third_party_files_read_as_srgb_without_a_camera(scene: Gaussians, tmp_path: Path, plydata: dict) -> None:
    found = read_ply(third_party(scene, tmp_path, **plydata))
    assert_same(found, scene)
    assert found.camera is None


def test_a_file_that_says_linear_is_taken_as_linear(scene: Gaussians, data: Path, tmp_path: Path) -> None:
    ply = PlyData.read(data / "golden" / "scene.ply")
    ply["color_space"].data["color_space"] = 1
    ply.write(tmp_path / "linear.ply")
    stored = ply["vertex"].data["f_dc_0"] * 0.28209479 + 0.5
    np.testing.assert_allclose(read_ply(tmp_path / "linear.ply").colors[:, 0], stored, atol=1e-6)


def test_an_empty_splat_can_be_written(tmp_path: Path) -> None:
    empty = Gaussians(*(torch.empty(0, k) for k in (3, 3, 4)), opacities=torch.empty(0), colors=torch.empty(0, 3))
    for layout in get_args(PlyLayout):
        write_ply(tmp_path / "empty.ply", replace(empty, camera=Camera(4, 3, 5.0)), layout)
        assert len(read_ply(tmp_path / "empty.ply")) == 0


def test_a_failed_write_leaves_the_old_file(scene: Gaussians, tmp_path: Path) -> None:
    path = tmp_path / "scene.ply"
    path.write_text("before")
    with pytest.raises(SharpError):
        write_ply(path, replace(scene, camera=None), layout="sharp")
    with pytest.raises(SharpError):
        write_ply(path, scene, layout="other")  # type: ignore[arg-type]
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(SharpError, match="NaN or infinite"):
        write_ply(path, replace(scene, means=scene.means / 0))
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_does_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    count = 2 * CHUNK + 77
    values = [torch.rand(count, *shape, generator=generator) for shape in ((3,), (3,), (4,), (), (3,))]
    threads = torch.get_num_threads()
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            write_ply(tmp_path / f"{number}.ply", Gaussians(*values))
    finally:
        torch.set_num_threads(threads)
    assert (tmp_path / "1.ply").read_bytes() == (tmp_path / "3.ply").read_bytes()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 100))
def test_packing_changes_no_bit(seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    means, logs = torch.randn(2, count, 3, generator=generator)
    dark, bright = torch.rand(2, count, 3, generator=generator) * torch.tensor([0.01, 2.0])[:, None, None]
    colors = torch.where(torch.rand(count, 3, generator=generator) < 0.5, dark, bright - 0.5)
    logits, quats = torch.randn(count, generator=generator), torch.randn(count, 4, generator=generator)
    rows = torch.empty(count, 14)
    pack(means, colors, logits, logs, quats, rows)
    constants = (linear_to_srgb(colors) - 0.5) / SH_C0
    assert torch.equal(rows, torch.cat([means, constants, logits[:, None], logs, quats], dim=1))


def test_the_bytes_of_a_file(tmp_path: Path) -> None:
    means, quats = torch.tensor([[1.0, -2.0, 3.0]]), torch.tensor([[1.0, 0.5, 0.0, -1.0]])
    colors = torch.zeros(1, 3)
    splat = Gaussians(
        means, torch.ones(1, 3), quats, torch.tensor([0.5]), colors, Camera(4, 3, 5.5), {"weights": "a b"}
    )
    write_ply(tmp_path / "one.ply", splat)
    names = ["x", "y", "z", *(f"f_dc_{i}" for i in range(3)), "opacity", *(f"scale_{i}" for i in range(3))]
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        *("comment sharp image_size 4 3", "comment sharp focal_px 5.5", "comment sharp weights a b"),
        *("comment sharp color_space srgb", "element vertex 1"),
        *(f"property float {name}" for name in [*names, *(f"rot_{i}" for i in range(4))]),
        "end_header",
    ]
    black = np.float32(-0.5) / np.float32(SH_C0)
    row = np.array([1, -2, 3, black, black, black, 0, 0, 0, 0, 1, 0.5, 0, -1], "<f4")
    assert (tmp_path / "one.ply").read_bytes() == "\n".join([*lines, ""]).encode() + row.tobytes()
