"""A file that is no readable splat gives one sentence that names the file and the reason."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sharp_cli import SharpError, read_ply

NAMES = [*"xyz", *(f"{name}_{i}" for name, n in [("f_dc", 3), ("scale", 3), ("rot", 4)] for i in range(n))]
NAMES.insert(6, "opacity")
ROW = np.arange(14, dtype="<f4").tobytes()


def ply(
    names: list[str], *lines: str, count: int = 1, form: str = "binary_little_endian", kind: str = "float"
) -> bytes:
    """A header with these vertex properties, and more lines before the elements."""
    elements = [f"element vertex {count}", *(f"property {kind} {name}" for name in names)]
    return "\n".join(["ply", f"format {form} 1.0", *lines, *elements, "end_header", ""]).encode()


WHOLE = ply(NAMES) + ROW
REST = [f"f_rest_{i}" for i in range(45)]
PACKED = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]

CASES = {
    "empty": (b"", "file is empty"),
    "text": (b"hello", "not a .ply file"),
    "gzip": (b"\x1f\x8b" + bytes(100), "gzip file"),
    "no end": (WHOLE[:100], "its header does not end"),
    "no format": (WHOLE.replace(b"format binary_little_endian 1.0\n", b""), "names no format"),
    "other format": (WHOLE.replace(b"_little", b"_middle"), "format binary_middle_endian 1.0"),
    "version": (WHOLE.replace(b" 1.0", b" 2.0"), "format binary_little_endian 2.0"),
    "two formats": (ply(NAMES, "format ascii 1.0") + ROW, "format ascii 1.0"),
    "odd line": (ply(NAMES, "hello there") + ROW, "hello there"),
    "long odd line": (ply(NAMES, "x" * 5000) + ROW, "xxx\\.\\.\\."),
    "control characters": (ply(NAMES, "\x1b[31m") + ROW, r"\\x1b\[31m"),
    "property first": (ply(NAMES, "property float q") + ROW, "property float q"),
    "unknown type": (WHOLE.replace(b"float x", b"half x"), "property half x"),
    "list counted by floats": (WHOLE.replace(b"float x", b"list float int x"), "list float int x"),
    "negative count": (ply(NAMES, "element face -1") + ROW, "element face -1"),
    "many digits": (ply(NAMES, "element face " + "9" * 5000) + ROW, "element face 999"),
    "other digits": (ply(NAMES, "element face ²") + ROW, "element face"),
    "twice a property": (ply([*NAMES, "x"]) + ROW + ROW, "property float x"),
    "twice an element": (ply(NAMES, "element vertex 3") + ROW, "element vertex 1"),
    "truncated": (WHOLE[:-1], "truncated"),
    "billions of rows": (ply(NAMES, count=10**10) + ROW, "truncated"),
    "more than there can be": (ply(NAMES, count=10**18) + ROW, "element vertex 1000000000000000000"),
    "billions of rows in ASCII": (ply(NAMES, count=10**10, form="ascii") + b"0 " * 14, "truncated"),
    "billions of empty rows first": (
        ply(NAMES, "element a 999999999999", form="ascii") + b"0 " * 12,
        "truncated",
    ),
    "no vertex": (WHOLE.replace(b"vertex", b"points"), "without a 'vertex' element"),
    "no vertex properties": (ply([], count=10**12), "a point cloud"),
    "point cloud": (ply(["x", "y", "z", "red"]) + bytes(16), "a point cloud, not a Gaussian splat"),
    "mesh": (ply(["x", "y", "z"], "element face 0") + bytes(16), "a mesh, not a Gaussian splat"),
    "no rotation": (ply(NAMES[:-1]) + ROW, "have no rot_3"),
    "flat": (ply([n for n in NAMES if n != "scale_2"]) + ROW, "flat 2D Gaussians"),
    "SuperSplat": (ply(PACKED, "element chunk 0", kind="uint") + bytes(16), "chunks do not fit"),
    "codebooks": (ply(NAMES, "element codebook_centers 0") + ROW, "compressed with codebooks"),
    "whole numbers": (WHOLE.replace(b"float opacity", b"uchar opacity"), "opacity is stored as whole numbers"),
    "lists in vertices": (
        ply([*NAMES, "q"]).replace(b"float q", b"list uchar int q") + ROW + b"\0",
        "vertices hold lists",
    ),
    "half a degree": (ply(NAMES + REST[:12]) + ROW * 2, "12 f_rest properties"),
    "a gap in the harmonics": (ply(NAMES + REST[:8] + REST[9:10]) + ROW * 2, "9 f_rest properties"),
    "degree 40": (ply(NAMES + [f"f_rest_{i}" for i in range(5040)]) + ROW * 400, "5040 f_rest properties"),
    "nan": (ply(NAMES) + ROW[:-4] + np.float32(np.nan).tobytes(), "none of its 1 .*quats"),
    "nan logit": (ply(NAMES) + ROW[:24] + np.float32(np.nan).tobytes() + ROW[28:], "none of its 1 .*opacities"),
    "infinite mean": (ply(NAMES) + np.float32(np.inf).tobytes() + ROW[4:], "none of its 1 .*means"),
    "infinite scale": (ply(NAMES) + ROW[:28] + np.float32(100).tobytes() + ROW[32:], "none of its 1 .*scales"),
    "infinite color": (ply(NAMES) + ROW[:12] + np.float32(1e38).tobytes() + ROW[16:], "none of its 1 .*colors"),
    "double beyond float": (ply(NAMES, kind="double") + np.full(14, 1e300).tobytes(), "none of its 1 .*means"),
    "words in ASCII": (ply(NAMES, form="ascii") + b"0 " * 13 + b"one\n", "is damaged"),
    "short row in ASCII": (
        ply(NAMES, form="ascii", count=1) + b"0.00 " * 13 + b"\n",
        "rows of 'vertex' have 13",
    ),
    "uneven rows in ASCII": (ply(NAMES, form="ascii", count=2) + b"0.0 " * 14 + b"\n" + b"0 " * 13 + b"\n", "damaged"),
    "row missing in ASCII": (ply(NAMES, form="ascii", count=2) + b"0.000 " * 14 + b"\n", "ends too early"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_without_a_splat_is_refused(tmp_path: Path, name: str) -> None:
    content, words = CASES[name]
    path = tmp_path / "scene.ply"
    path.write_bytes(content)
    with pytest.raises(SharpError, match=words) as caught:
        read_ply(path)
    message = str(caught.value)
    assert message.startswith(f"cannot read {path}: ")
    assert message.isprintable()
    assert len(message) < len(str(path)) + 250


def test_the_base_of_the_cases_reads(tmp_path: Path) -> None:
    (tmp_path / "scene.ply").write_bytes(WHOLE)
    assert len(read_ply(tmp_path / "scene.ply")) == 1


def test_a_path_that_is_not_a_file_is_refused(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path, "folder, not a .ply file"),
        (tmp_path / "missing.ply", "No such file"),
        ("a\0b", "null"),
    ):
        with pytest.raises(SharpError, match=words):
            read_ply(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(SharpError, match="not a regular file"):
            read_ply(tmp_path / "pipe")


@pytest.mark.parametrize("count", [10**9, 10**15])
@pytest.mark.parametrize("lines", [[], ["element face {}", "property list uchar int v"], ["element none {}"]])
def test_a_small_file_that_declares_much_takes_little_memory(tmp_path: Path, count: int, lines: list[str]) -> None:
    path = tmp_path / "scene.ply"
    vertices = 1 if lines else count
    path.write_bytes(ply(NAMES, *(line.format(count) for line in lines), count=vertices) + ROW)
    tracemalloc.start()
    try:
        read_ply(path)
    except SharpError as error:
        assert "truncated" in str(error)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_lists_with_insane_lengths_are_refused(tmp_path: Path) -> None:
    lists = ["element face 2", "property list int double v", "property uchar w"]
    for length, words in ((2**31 - 1, "ends within the lists of 'face'"), (-1, "has length -1")):
        path = tmp_path / "scene.ply"
        path.write_bytes(ply(NAMES, *lists) + length.to_bytes(4, "little", signed=True) + bytes(50) + ROW)
        with pytest.raises(SharpError, match=words):
            read_ply(path)
