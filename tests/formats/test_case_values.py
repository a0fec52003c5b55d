"""Splats of tests/data/cases with values at the edge of their range: each is rendered and written as it is meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sharp_cli import Gaussians, read_ply, read_splat, write_splat
from sharp_cli.cameras.views import Views
from sharp_cli.formats.summary import summarize
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.covariance import covariances
from sharp_cli.gaussians.spherical_harmonics import sh_basis, view_colors
from sharp_cli.render.views import render_views

VIEW = Views(
    torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 6], [0, 0, 0, 1]])[None],
    torch.tensor([[[60.0, 0, 32], [0, 60, 24], [0, 0, 1]]]),
    64,
    48,
)


@pytest.fixture
def cases(data: Path) -> Path:
    return data / "cases" / "splats"


def picture(gaussians: Gaussians) -> torch.Tensor:
    (rendering,) = render_views(gaussians, VIEW, backend="cpu")
    return rendering.color[0]


def field(path: Path, name: str) -> np.ndarray:
    """One property of a binary file as it is stored."""
    head, rows = path.read_bytes().split(b"end_header\n", 1)
    names = [line.split()[-1].decode() for line in head.splitlines() if line.startswith(b"property")]
    return np.frombuffer(rows, "<f4").reshape(-1, len(names))[:, names.index(name)]


@pytest.mark.parametrize("name", ["quat_1e-12", "quat_1e25"])
def test_quaternions_of_any_length_are_the_same_rotation(cases: Path, tmp_path: Path, name: str) -> None:
    found, expected = read_ply(cases / f"{name}.ply"), read_ply(cases / "base62.ply")
    assert picture(expected).max() > 0.2
    torch.testing.assert_close(picture(found), picture(expected), atol=1e-4, rtol=0)
    for suffix in (".ply", ".compressed.ply", ".sog", ".spz", ".splat"):
        for kind, splat in (("found", found), ("expected", expected)):
            write_splat(tmp_path / f"{kind}{suffix}", splat)
        again = [read_splat(tmp_path / f"{kind}{suffix}") for kind in ("found", "expected")]
        torch.testing.assert_close(*(covariances(s.scales, s.quats) for s in again), atol=3e-3, rtol=0)


def test_quaternions_are_taken_in_the_order_of_their_names(cases: Path) -> None:
    """No file says that it holds x, y, z, w; one that does is rendered as its names say."""
    path = cases / "quat_xyzw.ply"
    found = read_ply(path)
    for axis in range(4):
        np.testing.assert_array_equal(found.quats[:, axis], field(path, f"rot_{axis}"))


def test_infinite_logits_are_solid_or_nothing(cases: Path) -> None:
    path = cases / "inf_opacity.ply"
    found, logits = read_ply(path), field(path, "opacity")
    assert {1.0, 0.0} <= {*found.opacities.tolist()}
    np.testing.assert_array_equal(found.opacities == 1, np.isposinf(logits))
    np.testing.assert_array_equal(found.opacities == 0, np.isneginf(logits))
    without = found.opacities != 0
    rest = replace(found, **{name: getattr(found, name)[without] for name in ("means", "scales", "quats", "opacities")})
    rest = replace(rest, colors=found.colors[without], sh=None if found.sh is None else found.sh[without])
    torch.testing.assert_close(picture(found), picture(rest), atol=1e-6, rtol=0)
    assert any("20 Gaussians (40.0 %) have an infinite opacity" in problem for problem in summarize(path).problems)


def test_scales_of_minus_infinity_are_zero(cases: Path, tmp_path: Path) -> None:
    path = cases / "neginf_scale.ply"
    found = read_ply(path)
    stored = np.stack([field(path, f"scale_{axis}") for axis in range(3)], axis=1)
    np.testing.assert_array_equal(found.scales == 0, np.isneginf(stored))
    assert len(found) == 50 and picture(found).isfinite().all()
    write_splat(tmp_path / "again.ply", found)
    torch.testing.assert_close(read_ply(tmp_path / "again.ply").scales, found.scales, atol=1e-11, rtol=1e-5)


def test_large_harmonics_saturate_without_wrapping(cases: Path) -> None:
    found = read_ply(cases / "sh_large.ply")
    assert found.sh is not None and found.sh.abs().max() > 30
    eye = torch.tensor([0.0, 0, -6])
    basis = sh_basis(torch.nn.functional.normalize(found.means - eye, dim=1), 3)
    expected = (linear_to_srgb(found.colors) + torch.einsum("nk,nkc->nc", basis, found.sh)).clamp(min=0)
    torch.testing.assert_close(view_colors(found, eye, encoded=True), expected, atol=1e-4, rtol=1e-5)
    assert picture(found).isfinite().all() and picture(found).min() >= 0


def test_values_that_were_activated_twice_are_suspected(cases: Path) -> None:
    """Opacities and scales that a tool stored as they are used: legal numbers, and no scene looks like that."""
    summary = summarize(cases / "activated_twice.ply")
    assert any("50 Gaussians (100.0 %) are wider than a quarter of the scene" in p for p in summary.problems)


def test_what_cannot_be_seen_is_said(cases: Path) -> None:
    summary = summarize(cases / "all_transparent.ply")
    assert summary.invisible == 50 and any("too transparent" in problem for problem in summary.problems)
    assert picture(read_ply(cases / "all_transparent.ply")).max() == 0


@pytest.mark.parametrize(("name", "coefficients"), [("frest_deg1", 3), ("frest_deg2", 8), ("frest_deg4", 24)])
def test_harmonics_of_other_degrees_are_read_channel_by_channel(cases: Path, name: str, coefficients: int) -> None:
    path = cases / f"{name}.ply"
    found = read_ply(path)
    assert found.sh is not None and found.sh.shape == (50, coefficients, 3)
    for channel in range(3):
        np.testing.assert_array_equal(found.sh[:, 1, channel], field(path, f"f_rest_{channel * coefficients + 1}"))


@pytest.mark.parametrize("name", ["mip_filter3d", "scale_1e-8", "gs202"])
def test_further_files_that_are_right(cases: Path, name: str) -> None:
    path = cases / f"{name}.ply"
    found = read_ply(path)
    np.testing.assert_allclose(found.scales[:, 0].log(), field(path, "scale_0"), rtol=1e-6)
    np.testing.assert_array_equal(found.means[:, 2], field(path, "z"))
    assert picture(found).isfinite().all()
