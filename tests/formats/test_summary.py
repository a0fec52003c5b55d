"""Summaries: the figures of a known splat, and one sentence for each thing that may trouble a viewer."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from plyfile import PlyData, PlyElement
from splats import random_splat

from sharp_cli import Camera, Gaussians, SharpError, write_ply
from sharp_cli.formats.registry import write_splat
from sharp_cli.formats.summary import field_of_view, summarize


def wall(count: int = 1000) -> Gaussians:
    """A flat wall of equal Gaussians three meters away, with nothing odd about it."""
    generator = torch.Generator().manual_seed(0)
    means = torch.rand(count, 3, generator=generator) * torch.tensor([8.0, 6.0, 0.0]) + torch.tensor([-4.0, -3.0, 3.0])
    return Gaussians(
        means=means,
        scales=torch.tensor([0.02, 0.02, 0.001]).expand(count, 3),
        quats=torch.tensor([1.0, 0, 0, 0]).expand(count, 4),
        opacities=torch.linspace(0.1, 0.9, count),
        colors=torch.rand(count, 3, generator=generator),
        camera=Camera(800, 600, 400.0),
        facts={"weights": "random"},
    )


def test_the_figures_of_a_known_splat(tmp_path: Path) -> None:
    path = tmp_path / "wall.ply"
    write_ply(path, wall())
    found = summarize(path)
    assert (found.path, found.bytes, found.gaussians) == (str(path), path.stat().st_size, 1000)
    assert (found.layout, found.encoding, found.sh_degree) == ("standard", "binary_little_endian", 0)
    assert (found.color_space, found.camera, found.facts) == ("srgb", Camera(800, 600, 400.0), {"weights": "random"})
    assert list(found.bounds["x"]) == pytest.approx([-4, -3.92, 0, 3.92, 4], abs=0.3)
    assert list(found.bounds["z"]) == [3, 3, 3, 3, 3]
    assert found.opacity is not None
    assert list(found.opacity) == pytest.approx([0.1, 0.108, 0.5, 0.892, 0.9], rel=1e-4)
    assert found.scale is not None
    assert list(found.scale) == pytest.approx([0.001, 0.001, 0.02, 0.02, 0.02], rel=1e-4)
    assert found.invisible == 0
    assert found.problems == found.extra_elements == found.extra_properties == found.comments == []


@pytest.mark.parametrize(
    ("layout", "degree", "found"),
    [
        ("standard", 0, ("standard", 0)),
        ("standard", 2, ("standard", 2)),
        ("full", 0, ("full", 3)),
        ("full", 4, ("full", 4)),
        ("sharp", 0, ("sharp", 0)),
    ],
)
def test_layouts_and_degrees(tmp_path: Path, layout: str, degree: int, found: tuple[str, int]) -> None:
    sh = torch.ones(1000, (degree + 1) ** 2 - 1, 3) if degree else None
    write_ply(tmp_path / "wall.ply", replace(wall(), sh=sh), layout=layout)  # type: ignore[arg-type]
    summary = summarize(tmp_path / "wall.ply")
    assert (summary.layout, summary.sh_degree) == found
    assert summary.extra_properties == (["nx", "ny", "nz"] if layout == "full" else [])
    assert len(summary.extra_elements) == (7 if layout == "sharp" else 0)


def changed(gaussians: Gaussians, part: str, row: int, value: list[float]) -> Gaussians:
    values = getattr(gaussians, part).clone()
    values[row] = torch.tensor(value) if len(value) > 1 else value[0]
    return replace(gaussians, **{part: values})


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("quats", [0.0, 0, 0, 0], r"1 Gaussians \(0\.1 %\) have a zero quaternion"),
        ("means", [0.0, 0, -1], "1 Gaussians .* lie behind the photo's camera"),
        ("scales", [5.0, 5, 5], "1 Gaussians .* wider than a quarter of the scene"),
        ("colors", [1.5, 0, 0], r"1 Gaussians .* color outside 0\.\.1"),
    ],
)
def test_one_odd_gaussian_is_noticed(tmp_path: Path, part: str, value: list[float], words: str) -> None:
    write_ply(tmp_path / "wall.ply", changed(wall(), part, 5, value))
    (problem,) = summarize(tmp_path / "wall.ply").problems
    assert re.search(words, problem)


def test_many_needles_and_many_invisible_gaussians(tmp_path: Path) -> None:
    splat = changed(wall(), "scales", 0, [0.5, 0.001, 0.001])
    write_ply(tmp_path / "wall.ply", splat)
    assert summarize(tmp_path / "wall.ply").problems == []
    scales, opacities = splat.scales.clone(), splat.opacities.clone()
    scales[:50], opacities[:500] = scales[0], 0.001
    write_ply(tmp_path / "wall.ply", replace(splat, scales=scales, opacities=opacities))
    summary = summarize(tmp_path / "wall.ply")
    assert summary.invisible == 500
    transparent, needles = summary.problems
    assert "500 Gaussians (50.0 %) are too transparent" in transparent
    assert "50 Gaussians (5.0 %) are needles" in needles


def test_what_other_programs_may_refuse_about_the_file(tmp_path: Path) -> None:
    write_ply(tmp_path / "wall.ply", wall(), layout="sharp")
    ply = PlyData.read(tmp_path / "wall.ply", mmap=False)
    ply["vertex"].data["opacity"][:3] = [np.inf, -np.inf, 0]
    ply["vertex"].data["scale_0"][4] = -np.inf
    ply["color_space"].data["color_space"] = 1
    kinds = [(name, "f8" if name == "x" else "f4") for name in ply["vertex"].data.dtype.names]
    vertex = PlyElement.describe(ply["vertex"].data.astype(kinds), "vertex")
    PlyData([vertex, *ply.elements[1:]], byte_order=">", comments=["by hand"]).write(tmp_path / "odd.ply")
    with (tmp_path / "odd.ply").open("ab") as file:
        file.write(bytes(9))
    summary = summarize(tmp_path / "odd.ply")
    problems = "\n".join(summary.problems)
    for words in (
        "Elements beyond 'vertex' (extrinsic, ",
        "binary_big_endian",
        "not fp32 (x)",
        "Colors are linear",
        "9 bytes after the end",
        "2 Gaussians (0.2 %) have an infinite opacity logit",
        "1 Gaussians (0.1 %) have a scale of zero",
    ):
        assert words in problems
    assert summary.comments == ["by hand"]
    assert summary.color_space == "linear"


def test_no_gaussians_and_no_splat(tmp_path: Path) -> None:
    write_ply(tmp_path / "none.ply", wall(0))
    summary = summarize(tmp_path / "none.ply")
    assert (summary.gaussians, summary.bounds, summary.opacity) == (0, {}, None)
    assert summary.problems == ["It holds no Gaussians."]
    (tmp_path / "text.ply").write_text("hello")
    with pytest.raises(SharpError, match=r"text\.ply: not a \.ply file"):
        summarize(tmp_path / "text.ply")


def test_field_of_view() -> None:
    assert field_of_view(800, 400.0) == pytest.approx(90)


@pytest.mark.parametrize("suffix", [".splat", ".ply"])
def test_dropped_rows_of_any_format_are_counted(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_splat(path, random_splat(20))
    content = bytearray(path.read_bytes())
    size = 32 if suffix == ".splat" else 56
    start = len(content) - 20 * size
    content[start : start + 4] = content[start + 5 * size + 4 : start + 5 * size + 8] = struct.pack("<f", float("nan"))
    path.write_bytes(content)
    summary = summarize(path)
    assert (summary.gaussians, summary.dropped) == (18, 2)
    assert any("2 Gaussians (10.0 %) have NaN or infinite means" in problem for problem in summary.problems)
