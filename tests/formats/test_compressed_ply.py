"""The compressed splat, read back by the format's own rules: everything within its steps."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plyfile import PlyData

from sharp_cli import Camera, Gaussians, SharpError, read_ply
from sharp_cli.formats.compressed_ply import RANGES, compressed_ply, write_compressed_ply
from sharp_cli.formats.stored import as_stored
from sharp_cli.gaussians.color import linear_to_srgb


def unpacked(words: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    shifts = np.cumsum((0, *bits[:0:-1]))[::-1]
    return np.stack([(words >> s & (1 << b) - 1) / ((1 << b) - 1) for s, b in zip(shifts, bits, strict=True)], 1)


def read_back(content: bytes, path) -> dict[str, torch.Tensor]:
    """As the viewer's ``SplatCompressedIterator`` reads it."""
    path.write_bytes(content)
    ply = PlyData.read(str(path))
    vertex = ply["vertex"].data
    chunk = np.stack([ply["chunk"].data[name] for name in ply["chunk"].data.dtype.names], 1)
    assert len(chunk) == -(-len(vertex) // 256)
    chunk = chunk[np.arange(len(vertex)) // 256].astype(np.float64)

    def lerp(at: int, t: np.ndarray) -> np.ndarray:
        return chunk[:, at : at + 3] * (1 - t) + chunk[:, at + 3 : at + 6] * t

    color = unpacked(vertex["packed_color"], (8, 8, 8, 8))
    three = (unpacked(vertex["packed_rotation"], (2, 10, 10, 10))[:, 1:] - 0.5) * np.sqrt(2)
    missing = (vertex["packed_rotation"] >> 30)[:, None] == np.arange(4)
    quats = np.empty((len(vertex), 4))
    quats[~missing] = three.ravel()
    quats[missing] = np.sqrt(np.maximum(0, 1 - (three**2).sum(1)))
    values = {
        "means": lerp(0, unpacked(vertex["packed_position"], (11, 10, 11))),
        "scales": np.exp(lerp(6, unpacked(vertex["packed_scale"], (11, 10, 11)))),
        "colors": lerp(12, color[:, :3]),
        "opacities": color[:, 3],
        "quats": quats,
    }
    if "sh" in ply:
        rest = np.stack([ply["sh"].data[f"f_rest_{k}"] for k in range(len(ply["sh"].properties))], 1)
        values["sh"] = (rest * (8 / 255) - 4).reshape(len(vertex), 3, -1).transpose(0, 2, 1)
    return {name: torch.from_numpy(array) for name, array in values.items()}


def random_splat(count: int, seed: int, degree: int = 0) -> Gaussians:
    g = torch.Generator().manual_seed(seed)
    depth = torch.exp(torch.rand(count, 1, generator=g) * 5)
    sideways = torch.rand(count, 2, generator=g) - 0.5
    return Gaussians(
        means=torch.cat([sideways * depth, depth], 1),
        scales=torch.exp(-2 - 6 * torch.rand(count, 3, generator=g)),
        quats=torch.randn(count, 4, generator=g),
        opacities=torch.rand(count, generator=g),
        colors=torch.rand(count, 3, generator=g),
        camera=Camera(1000, 1000, 1000.0),
        sh=torch.randn(count, (degree + 1) ** 2 - 1, 3, generator=g) if degree else None,
    )


@settings(max_examples=20)
@given(count=st.integers(1, 700), seed=st.integers(0, 1000), degree=st.integers(0, 3))
def test_everything_reads_back_within_its_steps(tmp_path_factory, count: int, seed: int, degree: int) -> None:
    gaussians = random_splat(count, seed, degree)
    found = read_back(compressed_ply(as_stored(gaussians)), tmp_path_factory.mktemp("c") / "splat.ply")
    # Splats are in another order: opacities and places together say which is which.
    order = torch.cdist(found["means"], gaussians.means.double()).argmin(1)
    extent = gaussians.means.double().amax(0) - gaussians.means.double().amin(0)
    assert ((found["means"] - gaussians.means[order]).abs() <= extent / 2000 + 1e-6).all()
    assert len(order.unique()) >= 0.98 * count  # places closer than a step may be confused
    sure = torch.bincount(order, minlength=count)[order] == 1
    found, order = {name: values[sure] for name, values in found.items()}, order[sure]
    torch.testing.assert_close(found["opacities"].float(), gaussians.opacities[order], atol=0.5 / 255 + 1e-6, rtol=0)
    torch.testing.assert_close(
        found["colors"].float(), linear_to_srgb(gaussians.colors)[order], atol=0.5 / 255 + 1e-6, rtol=0
    )
    torch.testing.assert_close(found["scales"].float(), gaussians.scales[order], atol=0, rtol=6 / 1023)
    exact = torch.nn.functional.normalize(gaussians.quats[order].double(), dim=1)
    assert (1 - (found["quats"] * exact).sum(1).abs()).max() < 1e-5
    if gaussians.sh is not None:
        torch.testing.assert_close(
            found["sh"].float(), gaussians.sh[order].clamp(-4, 4), atol=0.5 * 8 / 255 + 1e-5, rtol=0
        )


def test_neighbors_share_a_chunk_so_that_splats_stay_where_the_photo_shows_them(relief, tmp_path) -> None:
    means = read_back(compressed_ply(as_stored(relief)), tmp_path / "splat.ply")["means"]
    assert relief.camera
    pixels = means[:, :2] / means[:, 2:] * relief.camera.focal_px  # the picture's center is a corner of four pixels
    assert (pixels - (pixels.floor() + 0.5)).abs().max() < 0.1


def test_extreme_values_stay_finite(tmp_path) -> None:
    gaussians = Gaussians(
        means=torch.tensor([[0.0, 0.0, 1e6], [0.0, 0.0, -3.0], [0.0, 0.0, 1.0]]),
        scales=torch.tensor([[0.0, 1.0, 2.0], [1e-3, 1e-3, 1e-3], [1.0, 1.0, 1.0]]),
        quats=torch.tensor([[1e25, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]),
        opacities=torch.tensor([0.0, 1.0, 1.0]),
        colors=torch.tensor([[-0.5, 0.0, 7.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
    )
    found = read_back(compressed_ply(as_stored(gaussians)), tmp_path / "splat.ply")
    assert all(torch.isfinite(values).all() for values in found.values())
    assert len(found["means"]) == 2  # a zero quaternion is never rendered
    order = found["means"][:, 2].argsort(descending=True)
    assert found["opacities"][order].tolist() == [0, 1]
    assert found["scales"][order][1].tolist() == pytest.approx([1e-3] * 3, rel=0.02)
    assert found["quats"][order][0].abs().tolist() == pytest.approx([1, 0, 0, 0], abs=1e-3)
    assert found["quats"][order][1].abs().tolist() == pytest.approx([0, 1, 0, 0], abs=1e-3)


@pytest.mark.parametrize("camera", [None, Camera(100, 100, 100.0)])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_far_floaters_do_not_displace_the_others(tmp_path, camera: Camera | None, count: int) -> None:
    gaussians = replace(random_splat(1000, 3), camera=camera)
    generator = torch.Generator().manual_seed(4)
    means = torch.rand(1000, 3, generator=generator) * 5
    floaters = torch.randn(count, 3, generator=generator) * torch.logspace(2, 9, count)[:, None]
    gaussians = replace(gaussians, means=torch.cat([floaters, means[count:]]))
    write_compressed_ply(tmp_path / "splat.ply", as_stored(gaussians))
    found = read_ply(tmp_path / "splat.ply")
    seen = found.means[found.opacities > 0]  # without what fills up chunks
    distances = torch.cdist(means[count:], seen, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1).values
    assert distances.max() < 0.01
    assert len(found) <= 1000 + 255 * 15 and (count > 0 or len(found) == 1000)


@pytest.mark.parametrize("degree", [0, 3])
def test_our_reader_agrees_with_the_formats_rules(tmp_path, degree: int) -> None:
    gaussians = replace(random_splat(700, 7, degree), facts={"photo": "Größe.jpg"})
    write_compressed_ply(tmp_path / "splat.ply", as_stored(gaussians))
    ours, rules = (
        read_ply(tmp_path / "splat.ply"),
        read_back(compressed_ply(as_stored(gaussians)), tmp_path / "again.ply"),
    )
    assert ours.camera == gaussians.camera and ours.facts == gaussians.facts
    for part in ("means", "scales", "quats", "opacities"):
        torch.testing.assert_close(getattr(ours, part).double(), rules[part], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(linear_to_srgb(ours.colors).double(), rules["colors"], rtol=1e-4, atol=1e-5)
    if degree:
        torch.testing.assert_close(ours.sh.double(), rules["sh"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "damage",
    [
        (b"element chunk 3", b"element chunk 1"),
        (b"property float max_x\n", b"property float wax_x\n"),
        (b"property float max_b\n", b"property float wax_b\n"),
        (b"property float min_r\n", b"property float win_r\n"),
        (b"uint packed_color", b"float packed_color"),
        (b"f_rest_8", b"f_rest_9"),
    ],
)
def test_a_damaged_compressed_file_is_refused(tmp_path, damage: tuple[bytes, bytes]) -> None:
    content = compressed_ply(as_stored(random_splat(700, 7, 1)))
    assert damage[0] in content
    (tmp_path / "splat.ply").write_bytes(content.replace(*damage))
    with pytest.raises(SharpError, match=r"cannot read .*damaged"):
        read_ply(tmp_path / "splat.ply")


def test_ranges_that_end_at_minus_infinity_cost_no_row(tmp_path: Path) -> None:
    """SuperSplat writes such ranges for scales of zero; the largest of the chunk is finite all the same."""
    path = tmp_path / "a.compressed.ply"
    splat = random_splat(200, 0)
    write_compressed_ply(path, as_stored(splat))
    content = bytearray(path.read_bytes())
    start = content.index(b"end_header\n") + 11
    for name in ("min_scale_x", "min_scale_y", "min_scale_z"):
        at = start + 4 * RANGES.index(name)
        content[at : at + 4] = struct.pack("<f", -math.inf)
    path.write_bytes(content)
    found = read_ply(path)
    assert len(found) == 200
    assert (found.scales == 0).any() and found.scales.max().item() == pytest.approx(splat.scales.max().item(), rel=1e-3)
