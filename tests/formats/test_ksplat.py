"""``.ksplat`` files: a sample of another tool, rows packed by hand at each level, and damage."""

from __future__ import annotations

import importlib
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from splats import columns_of, random_splat

from sharp_cli import SharpError, write_ply
from sharp_cli.formats.registry import read_splat
from sharp_cli.gaussians.color import linear_to_srgb

CENTERS = np.array([[0, 0, 0], [100, 0, -100]], "<f4")


def header(level: int, sections: int = 1, version: bytes = b"\0\1") -> bytes:
    head = version + bytes(2) + struct.pack("<IIIIH", sections, sections, 3, 3, level) + bytes(2)
    return (head + struct.pack("<fffff", 0, 0, 0, -2, 2)).ljust(4096, b"\0")


def section(count: int, degree: int, buckets: int, full: int = 0, partial: int = 0, room: int | None = None) -> bytes:
    values = count, count if room is None else room, 2, buckets, 10.0, 12 if buckets else 0
    head = struct.pack("<IIIIfHxxIIIIH", *values, 32767, 0, full, partial, degree)
    return head.ljust(1024, b"\0")


def packed_row(fractions: tuple[float, float, float], harmonics: bytes) -> bytes:
    """A row of level 1 or 2, its position in half sides of its bucket from the bucket's center."""
    positions = [round(32767 + 32767 * f) for f in fractions]
    shape = struct.pack("<3e4e", 0.5, 0.25, 0.125, 1, 0, 0, 0)
    return struct.pack("<3H", *positions) + shape + bytes([255, 0, 51, 204]) + harmonics


def test_the_sample_of_another_tool(data: Path) -> None:
    found = read_splat(data / "cases" / "splats" / "minimal.ksplat")
    assert found.means.tolist() == [[-1, 0, -1], [0, 0, -1], [-1, 0, 0], [0, 0, 0]]
    torch.testing.assert_close(found.scales, torch.full((4, 3), 0.1))
    assert found.quats.tolist() == [[0, 0, 0, 1]] * 4
    assert found.blending == "srgb"


@pytest.mark.parametrize("level", [1, 2])
def test_packed_rows_count_from_their_buckets(level: int, tmp_path: Path) -> None:
    degrees = np.arange(24) / 12 - 1  # degree 1: three coefficients of red, green, blue; then five of each
    packed = degrees.astype("<f2").tobytes() if level == 1 else np.rint((degrees + 2) / 4 * 255).astype("u1").tobytes()
    rows = [packed_row(fractions, packed) for fractions in ((0, 0, 0), (1, -1, 0.5), (-1, 0, 1))]
    body = struct.pack("<I", 1) + CENTERS.tobytes() + b"".join(rows)
    path = tmp_path / "a.ksplat"
    path.write_bytes(header(level) + section(3, degree=2, buckets=2, full=1, partial=1) + body)
    found = read_splat(path)
    np.testing.assert_allclose(found.means, [[0, 0, 0], [5, -5, 2.5], [95, 0, -95]], atol=1e-3)
    np.testing.assert_allclose(found.scales[2], [0.5, 0.25, 0.125], rtol=1e-6)
    np.testing.assert_allclose(linear_to_srgb(found.colors)[0], [1, 0, 0.2], atol=1e-6)
    assert found.opacities[0].item() == pytest.approx(0.8)
    expected = np.concatenate([degrees[:9].reshape(3, 3), degrees[9:].reshape(3, 5)], axis=1).T
    np.testing.assert_allclose(found.sh[1], expected, atol=1e-3 if level == 1 else 0.01)


@pytest.mark.parametrize("degree", [0, 1])
def test_files_of_gaussforge(degree: int, tmp_path: Path) -> None:
    try:
        tool = importlib.import_module("gaussforge").GaussForge()
    except ImportError:
        pytest.skip("needs gaussforge")
    gaussians = random_splat(200, degree)
    write_ply(tmp_path / "a.ply", gaussians)
    (tmp_path / "a.ksplat").write_bytes(tool.convert((tmp_path / "a.ply").read_bytes(), "ply", "ksplat")["data"])
    found, expected = columns_of(read_splat(tmp_path / "a.ksplat")), columns_of(gaussians)
    np.testing.assert_allclose(found.means, expected.means)
    np.testing.assert_allclose(found.log_scales, expected.log_scales, atol=1e-6)
    np.testing.assert_allclose(found.opacities, expected.opacities, atol=0.004)
    if degree:
        np.testing.assert_allclose(found.sh, expected.sh)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ends in its header"),
        (header(0)[:4095], "ends in its header"),
        (header(0, version=b"\0\0"), "version 0.0"),
        (header(7), "level 7"),
        (header(0, sections=0), "no Gaussians"),
        (header(0, sections=2**32 - 1), "section headers"),
        (header(0) + section(1000, degree=0, buckets=0), "1,000 Gaussians cannot be"),
        (header(0) + section(2, degree=0, buckets=0, room=1) + bytes(88), "2 Gaussians"),
        (header(0) + section(1, degree=9, buckets=0) + bytes(500), "degree 9"),
        (header(1) + section(1, degree=0, buckets=0) + bytes(24), "buckets do not hold"),
        (header(1) + section(1, degree=0, buckets=2, full=2**32 - 1) + bytes(24), "cannot be"),
    ],
)
def test_damaged_files_are_named(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.ksplat").write_bytes(content)
    with pytest.raises(SharpError, match=words):
        read_splat(tmp_path / "a.ksplat")
