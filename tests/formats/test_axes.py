"""Axes on request: files turned to OpenGL's say so, and reading them gives OpenCV's again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from splats import grid_splat, random_splat

from sharp_cli import Gaussians, SharpError, read_splat, write_ply, write_splat
from sharp_cli.formats.registry import FORMATS, read_metadata
from sharp_cli.formats.stored import as_stored, half_turned
from sharp_cli.formats.summary import summarize
from sharp_cli.formats.tensors import to_gaussians
from sharp_cli.gaussians.covariance import covariances
from sharp_cli.gaussians.spherical_harmonics import view_colors

READABLE = [known.suffix for known in FORMATS if known.reader and known.writer]
TURN = torch.tensor([1.0, -1, -1])


@pytest.mark.parametrize("degree", [0, 1, 3, 4])
def test_a_half_turn_moves_everything_alike(degree: int) -> None:
    splat = random_splat(50, degree)
    turned = to_gaussians(half_turned(as_stored(splat)))
    torch.testing.assert_close(turned.means, splat.means * TURN)
    covars = covariances(splat.scales, splat.quats)
    torch.testing.assert_close(covariances(turned.scales, turned.quats), covars * TURN[:, None] * TURN)
    eye = torch.tensor([0.5, -3.0, 2.0])
    torch.testing.assert_close(view_colors(turned, eye * TURN), view_colors(splat, eye))
    again = half_turned(half_turned(as_stored(splat)))
    for found, expected in zip(again.columns, as_stored(splat).columns, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("suffix", READABLE)
def test_reading_gives_opencv_again(suffix: str, tmp_path: Path) -> None:
    splat = replace(grid_splat(), up="-y")
    for axes in ("opencv", "opengl"):
        write_splat(tmp_path / f"{axes}{suffix}", splat, {"source": "a.jpg"}, axes=axes)  # type: ignore[arg-type]
    plain, turned = (read_splat(tmp_path / f"{axes}{suffix}") for axes in ("opencv", "opengl"))
    torch.testing.assert_close(_sorted(turned), _sorted(plain), atol=0.003, rtol=0)
    assert (turned.up, turned.facts, turned.camera) == ("-y", {}, splat.camera)
    assert read_metadata(tmp_path / f"opengl{suffix}")["axes"] == "opengl"
    assert "axes" not in read_metadata(tmp_path / f"opencv{suffix}")
    assert summarize(tmp_path / f"opengl{suffix}").axes == "opengl"
    assert summarize(tmp_path / f"opencv{suffix}").axes == "opencv"


def test_other_tools_find_the_turned_values(tmp_path: Path) -> None:
    splat = random_splat(30, degree=1)
    write_ply(tmp_path / "a.ply", splat, axes="opengl")
    content = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "b.ply").write_bytes(content.replace(b"comment sharp axes opengl\n", b""))
    torch.testing.assert_close(read_splat(tmp_path / "b.ply").means, splat.means * TURN)


@pytest.mark.parametrize("suffix", [".glb", ".usdz"])
def test_formats_with_axes_of_their_own_are_not_turned_twice(suffix: str, tmp_path: Path) -> None:
    if suffix == ".usdz":
        pytest.importorskip("pxr", reason="needs usd-core")
    write_splat(tmp_path / f"a{suffix}", random_splat(20))
    write_splat(tmp_path / f"b{suffix}", random_splat(20), axes="opengl")
    assert "axes" not in read_metadata(tmp_path / f"b{suffix}")
    if suffix == ".glb":
        assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_what_cannot_be_turned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match="OpenCV axes"):
        write_ply(tmp_path / "a.ply", grid_splat(), "sharp", axes="opengl")
    with pytest.raises(SharpError, match="unknown axes 'up'"):
        write_splat(tmp_path / "a.ply", grid_splat(), axes="up")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def _sorted(gaussians: Gaussians) -> torch.Tensor:
    """The centers in an order that no format changes."""
    keys = gaussians.means.round(decimals=1)
    order = sorted(range(len(keys)), key=lambda row: (*keys[row].tolist(), *gaussians.means[row].tolist()))
    return gaussians.means[order]
