""".ply files: equal to the published tool's, readable back, finite whatever the splat holds."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plyfile import PlyData, PlyElement
from safetensors.torch import load_file

from sharp_cli import Camera, Gaussians, SharpError, read_ply, write_ply
from sharp_cli.gaussians.covariance import covariances


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
        facts={"weights": "drawn", "focal_from": "EXIF 26 mm, «Größe»\nnext line"},
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
    write_ply(path, scene, layout="sharp")
    assert header(path) == header(golden)
    found, expected = PlyData.read(path), PlyData.read(golden)
    for ours, theirs in zip(found.elements, expected.elements, strict=True):
        for name in theirs.data.dtype.names:
            np.testing.assert_allclose(ours.data[name], theirs.data[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", ["standard", "sharp"])
def test_both_layouts_read_back(scene: Gaussians, tmp_path: Path, layout: str) -> None:
    write_ply(tmp_path / "scene.ply", scene, layout=layout)
    found = read_ply(tmp_path / "scene.ply")
    assert_same(found, scene)
    assert found.camera == scene.camera


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
    assert found.facts["weights"] == "drawn"
    assert found.facts["focal_from"].startswith("EXIF 26 mm")


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


def test_no_gaussians_is_a_file_too(tmp_path: Path) -> None:
    empty = Gaussians(*(torch.empty(0, k) for k in (3, 3, 4)), opacities=torch.empty(0), colors=torch.empty(0, 3))
    write_ply(tmp_path / "empty.ply", empty)
    assert len(read_ply(tmp_path / "empty.ply")) == 0


def test_what_is_no_splat_is_refused_in_a_sentence(scene: Gaussians, tmp_path: Path) -> None:
    whole = tmp_path / "scene.ply"
    write_ply(whole, scene)
    content = whole.read_bytes()
    mesh = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n0\n"
    bad = content[:-4] + np.float32(np.nan).tobytes()
    huge = content[:-20] + np.float32(100).tobytes() + content[-16:]
    faces = b"ply\nformat ascii 1.0\nelement face 1\nproperty float x\nend_header\n0\n"
    cases = {
        "truncated": (content[:-10], "not a complete"),
        "text": (b"hello", "not a complete"),
        "empty": (b"", "not a complete"),
        "mesh": (mesh, "lacks"),
        "nan": (bad, "not finite"),
        "huge": (huge, "not finite"),
        "faces": (faces, "vertex"),
    }
    for name, (stored, words) in cases.items():
        path = tmp_path / f"{name}.ply"
        path.write_bytes(stored)
        with pytest.raises(SharpError, match=words) as caught:
            read_ply(path)
        assert str(path) in str(caught.value)
    with pytest.raises(SharpError, match=r"missing\.ply"):
        read_ply(tmp_path / "missing.ply")


DAMAGE = st.tuples(st.integers(0, 900), st.binary(min_size=0, max_size=6), st.integers(0, 6))


@settings(max_examples=200, deadline=None)
@given(st.lists(DAMAGE, min_size=1, max_size=4), st.integers(0, 2000))
def test_damaged_files_never_end_in_a_traceback(damage: list[tuple[int, bytes, int]], cut: int) -> None:
    content = bytearray((Path(__file__).parents[1] / "data" / "golden" / "scene.ply").read_bytes())
    for start, inserted, removed in damage:
        content[start : start + removed] = inserted
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.ply"
        path.write_bytes(content[: len(content) - cut])
        try:
            splat = read_ply(path)
            assert all(v.isfinite().all() for v in (splat.means, splat.scales, splat.opacities))
        except SharpError as error:
            assert str(path) in str(error)


def test_a_failed_write_leaves_the_old_file(scene: Gaussians, tmp_path: Path) -> None:
    path = tmp_path / "scene.ply"
    path.write_text("before")
    with pytest.raises(SharpError):
        write_ply(path, replace(scene, camera=None), layout="sharp")
    with pytest.raises(SharpError):
        write_ply(path, scene, layout="other")  # type: ignore[arg-type]
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
