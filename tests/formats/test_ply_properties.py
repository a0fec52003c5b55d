"""What is written reads back, other writers' files too, and a part of a file never passes for the whole."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plyfile import PlyData, PlyElement

from sharp_cli import Camera, Gaussians, SharpError, read_ply, write_ply
from sharp_cli.formats.ply import PlyLayout, read_facts
from sharp_cli.formats.ply_header import escape, unescape

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "scene.ply"
LAYOUTS = st.sampled_from(get_args(PlyLayout))
SPLATS = st.builds(
    lambda count, degree, seed: random_splat(count, degree, seed),
    st.integers(1, 40),
    st.integers(0, 4),
    st.integers(0, 99),
)
"""Of all sizes and degrees of harmonics."""
Maker = Callable[[str], PlyElement]


def random_splat(count: int, degree: int, seed: int) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)
    return Gaussians(
        means=torch.randn(count, 3, generator=generator) * 10,
        scales=torch.exp(torch.randn(count, 3, generator=generator) * 4),
        quats=torch.randn(count, 4, generator=generator),
        opacities=torch.sigmoid(torch.randn(count, generator=generator) * 3),
        colors=torch.rand(count, 3, generator=generator) * 3 - 0.5,
        camera=Camera(1 + seed, 77, 0.1 + seed),
        facts={"seed": str(seed)},
        sh=torch.randn(count, (degree + 1) ** 2 - 1, 3, generator=generator) if degree else None,
    )


def assert_same(found: Gaussians, expected: Gaussians, rtol: float = 1e-4) -> None:
    for part in ("means", "scales", "quats", "opacities", "colors"):
        torch.testing.assert_close(getattr(found, part), getattr(expected, part), rtol=rtol, atol=1e-5)
    assert (found.sh is None) == (expected.sh is None)
    if found.sh is not None and expected.sh is not None:
        kept = expected.sh.shape[1]
        torch.testing.assert_close(found.sh[:, :kept], expected.sh, rtol=rtol, atol=1e-5)
        assert (found.sh[:, kept:] == 0).all()


@settings(max_examples=60)
@given(SPLATS, LAYOUTS, st.sampled_from([1, 7, 1 << 16]), st.sampled_from([3, 1 << 13]))
def test_round_trip(splat: Gaussians, layout: PlyLayout, chunk: int, block: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sharp_cli.formats.ply_vertices.CHUNK", chunk)
        patch.setattr("sharp_cli.formats.ply_rows.BLOCK_ROWS", block)
        path = Path(folder) / "splat.ply"
        write_ply(path, splat, layout)
        found = read_ply(path)
        assert read_facts(path).items() >= splat.facts.items()
    assert_same(found, replace(splat, sh=None) if layout == "sharp" else splat)
    assert found.facts == splat.facts
    assert found.camera is not None and splat.camera is not None
    assert found.camera.focal_px == pytest.approx(splat.camera.focal_px)
    assert replace(found.camera, focal_px=1.0) == replace(splat.camera, focal_px=1.0)


def faces(name: str) -> PlyElement:
    """Lists of differing lengths."""
    rows = np.empty(9, [("v", "O"), ("tag", "u1")])
    rows["v"] = [np.arange(i % 5, dtype="u2") for i in range(9)]
    return PlyElement.describe(rows, name, len_types={"v": "u1"}, val_types={"v": "u2"})


def cameras(name: str) -> PlyElement:
    return PlyElement.describe(np.ones(5, [("fx", "f8"), ("id", "i2")]), name)


@settings(max_examples=60)
@given(
    SPLATS,
    st.sampled_from(["<", ">", "ascii"]),
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from([faces, cameras]), unique=True),
    st.lists(st.sampled_from([faces, cameras]), unique=True),
    st.booleans(),
)
def test_other_tools_files(
    splat: Gaussians, form: str, random: Random, before: list[Maker], after: list[Maker], double: bool
) -> None:
    """The same values by an independent writer: reordered, with properties and elements of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "splat.ply"
        write_ply(path, splat)
        ours = PlyData.read(path, mmap=False)["vertex"].data
        names = [*ours.dtype.names, "nx", "label"]
        random.shuffle(names)
        kinds = {"label": "i4", "x": "f8" if double else "f4", "f_rest_3": "f8" if double else "f4"}
        rows = np.zeros(len(ours), [(name, kinds.get(name, "f4")) for name in names])
        for name in ours.dtype.names:
            rows[name] = ours[name]
        vertex = PlyElement.describe(rows, "vertex")
        elements = [*(make(make.__name__) for make in before), vertex, *(make(f"{make.__name__}2") for make in after)]
        byte_order = "<" if form == "ascii" else form
        PlyData(elements, text=form == "ascii", byte_order=byte_order, comments=["by another tool"]).write(path)
        assert_same(read_ply(path), splat, rtol=1e-3)
        if form == "ascii":
            text = path.read_bytes()
            for newline in (b"\r\n", b"\r", b"\n\n"):
                path.write_bytes(text.replace(b"\n", newline))
                assert_same(read_ply(path), splat, rtol=1e-3)
        assert read_facts(path) == {}


@settings(max_examples=100)
@given(st.sampled_from(get_args(PlyLayout)), st.integers(0, 4), st.floats(0, 1, exclude_max=True))
def test_no_part_of_a_file_passes_for_the_whole(layout: PlyLayout, degree: int, share: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "splat.ply"
        write_ply(path, random_splat(3, degree, 5), layout)
        content = path.read_bytes()
        assert read_facts(path)["seed"] == "5"
        path.write_bytes(content[: int(share * len(content))])
        for reader in (read_ply, read_facts):
            with pytest.raises(SharpError, match=r"truncated|not a \.ply file|is empty"):
                reader(path)
        path.write_bytes(content + b"\0")
        with pytest.raises(SharpError, match="longer than its header declares"):
            read_facts(path)


@given(st.text())
def test_escaped_text_is_printable_ascii_and_comes_back(text: str) -> None:
    assert escape(text).isascii()
    assert escape(text).isprintable()
    assert unescape(escape(text)) == text


DAMAGE = st.tuples(st.integers(0, 900), st.binary(min_size=0, max_size=6), st.integers(0, 6))


@settings(max_examples=300)
@given(st.lists(DAMAGE, min_size=1, max_size=4), st.integers(0, 2000))
def test_damaged_files_never_end_in_a_traceback(damage: list[tuple[int, bytes, int]], cut: int) -> None:
    content = bytearray(GOLDEN.read_bytes())
    for start, inserted, removed in damage:
        content[start : start + removed] = inserted
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.ply"
        path.write_bytes(content[: len(content) - cut])
        for reader in (read_ply, read_facts):
            try:
                found = reader(path)
                if isinstance(found, Gaussians):
                    parts = (found.means, found.scales, found.quats, found.opacities, found.colors)
                    assert all(part.isfinite().all() for part in parts)
            except SharpError as error:
                assert str(path) in str(error)
