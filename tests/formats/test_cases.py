"""Files as people bring them (tests/data/cases): each gives its right value, or a name for what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sharp_cli import SharpError, read_ply
from sharp_cli.formats.registry import read_splat, write_splat
from sharp_cli.formats.summary import summarize
from sharp_cli.gaussians.color import linear_to_srgb


@pytest.fixture
def cases(data: Path) -> Path:
    return data / "cases" / "splats"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lfs_pointer.ply", "Git LFS pointer"),
        ("truncated.ply", "truncated"),
        ("frest_3.ply", "3 f_rest"),
        ("frest_12.ply", "12 f_rest"),
        ("frest_44.ply", "44 f_rest"),
        ("frest_48.ply", "48 f_rest"),
    ],
)
def test_files_that_cannot_be_read_are_named_for_what_they_are(cases: Path, name: str, words: str) -> None:
    with pytest.raises(SharpError, match=words):
        read_splat(cases / name)


@pytest.mark.parametrize("name", ["minimal-v3.spz", "minimal-v4.spz", "train3.spz", "train3.splat", "minimal.ksplat"])
def test_other_formats_under_a_ply_name_are_named(cases: Path, tmp_path: Path, name: str) -> None:
    kind = Path(name).suffix
    with pytest.raises(SharpError, match=rf"\{kind} "):
        read_ply(cases / name)
    if kind == ".spz":
        (tmp_path / "renamed.ply").write_bytes((cases / name).read_bytes())
        with pytest.raises(SharpError, match=r"\.spz"):
            read_ply(tmp_path / "renamed.ply")


def test_samples_of_other_formats_have_their_known_values(cases: Path) -> None:
    for name in ("minimal-v3.spz", "minimal-v4.spz"):
        found = read_splat(cases / name)
        torch.testing.assert_close(found.means[:2], torch.tensor([[-1.0, 0, 1], [0, 0, 1]]))
    ply, splat, spz = (read_splat(cases / f"train3.{suffix}") for suffix in ("ply", "splat", "spz"))
    torch.testing.assert_close(splat.means, ply.means)
    torch.testing.assert_close(splat.scales, ply.scales)
    torch.testing.assert_close(splat.opacities, ply.opacities, atol=0.005, rtol=0)
    # This sample's maker turned the axes half around x; readers take positions as they are.
    torch.testing.assert_close(spz.means, ply.means * torch.tensor([1.0, -1, -1]), atol=2e-4, rtol=0)


@pytest.mark.parametrize(("name", "part"), [("nan_one_mean.ply", "means"), ("nan_scale_rot.ply", "scales, quats")])
def test_a_bad_row_costs_a_row(cases: Path, name: str, part: str) -> None:
    sentences: list[str] = []
    found = read_ply(cases / name, warn=sentences.append)
    assert len(found) == 49
    assert len(sentences) == 1 and "dropped 1 of 50" in sentences[0] and name in sentences[0]
    for values in (found.means, found.scales, found.quats, found.opacities, found.colors, found.sh):
        assert values is not None and values.isfinite().all()
    summary = summarize(cases / name)
    assert (summary.gaussians, summary.dropped) == (49, 1)
    assert any(f"NaN or infinite {part}" in problem for problem in summary.problems)


def test_dropped_rows_leave_the_others_in_their_order(cases: Path) -> None:
    whole, cut = read_ply(cases / "base62.ply"), read_ply(cases / "nan_one_mean.ply", warn=lambda sentence: None)
    rows = [index for index in range(50) if (cut.means == whole.means[index]).all(dim=1).any()]
    assert len(rows) == 49
    torch.testing.assert_close(cut.colors, whole.colors[rows])


def test_zero_quaternions_are_counted(cases: Path) -> None:
    assert any(
        "zero quaternion and are not rendered" in p for p in summarize(cases / "postshot_zero_rows.ply").problems
    )


def test_red_green_blue_are_srgb_bytes(cases: Path) -> None:
    path = cases / "nerfstudio_rgb.ply"
    found = read_ply(path)
    content = path.read_bytes().split(b"end_header\n")[1]
    expected = np.frombuffer(content, np.uint8).reshape(50, -1)[:, -3:]
    np.testing.assert_allclose(linear_to_srgb(found.colors).numpy() * 255, expected, atol=1e-3)
    assert any("red, green, blue" in problem for problem in summarize(path).problems)


def test_a_compressed_file_of_another_writer(cases: Path) -> None:
    found = read_ply(cases / "pc_test.ply")
    assert len(found) == 64 and found.sh is not None and found.sh.shape == (64, 15, 3)
    summary = summarize(cases / "pc_test.ply")
    assert (summary.layout, summary.sh_degree, summary.gaussians) == ("compressed", 3, 64)


@pytest.mark.parametrize(
    "name",
    ["ascii", "bigendian", "crlf", "double", "shuffled62", "extra_int", "badutf8_comment", "nonascii_comment"],
)
def test_the_same_splat_in_other_encodings(cases: Path, name: str) -> None:
    found, expected = read_ply(cases / f"{name}.ply"), read_ply(cases / "base62.ply")
    for part in ("means", "scales", "quats", "opacities", "colors", "sh"):
        torch.testing.assert_close(getattr(found, part), getattr(expected, part), rtol=1e-5, atol=1e-6)


def test_a_file_with_no_good_row_is_refused(cases: Path, tmp_path: Path) -> None:
    header, rows = (cases / "one.ply").read_bytes().split(b"end_header\n")
    (tmp_path / "bad.ply").write_bytes(header + b"end_header\n" + b"\x00\x00\xc0\x7f" + rows[4:])
    with pytest.raises(SharpError, match=r"none of its 1 Gaussians has finite values .*means"):
        read_ply(tmp_path / "bad.ply")


def test_a_sparse_file_is_refused_before_it_fills_the_memory(cases: Path, tmp_path: Path) -> None:
    header, rows = (cases / "one.ply").read_bytes().split(b"end_header\n")
    lists = b"element face 3000000000\nproperty list uchar int v\n"
    path = tmp_path / "sparse.ply"
    path.write_bytes(header.replace(b"element vertex", lists + b"element vertex") + b"end_header\n")
    with path.open("r+b") as file:
        file.truncate(4_000_000_000)
    if path.stat().st_blocks * 512 > 1_000_000:
        pytest.skip("this file system has no holes")
    with pytest.raises(SharpError, match="holes"):
        read_ply(path)
    path.write_bytes(header.replace(b"element vertex", lists.replace(b"000000000", b"000000") + b"element vertex"))
    with path.open("ab") as file:
        file.write(b"end_header\n" + bytes(3_000_000) + rows)
    with pytest.raises(SharpError, match=r"3,000,000 rows of 'face' stand before"):
        read_ply(path)
    many = b"element face 200000\n" + b"".join(b"property list uchar int v%d\n" % k for k in range(10))
    path.write_bytes(header.replace(b"element vertex", many + b"element vertex") + b"end_header\n" + bytes(2_000_100))
    with pytest.raises(SharpError, match=r"rows of 'face' stand before"):
        read_ply(path)


@pytest.mark.parametrize(("name", "count"), [("minimal-v3.spz", 4), ("minimal-v4.spz", 4), ("minimal.splat", 4)])
def test_other_formats_read_under_their_own_suffix(cases: Path, name: str, count: int) -> None:
    assert len(read_splat(cases / name)) == count


@pytest.mark.parametrize("name", ["train3.spz", "train3.splat"])
def test_the_same_splat_in_other_formats(cases: Path, name: str) -> None:
    found, expected = read_splat(cases / name), read_ply(cases / "train3.ply")
    # Writers of .spz disagree about axes: this one turned y and z, and readers take files as they are.
    means = found.means * torch.tensor([1, -1, -1]) if name.endswith(".spz") else found.means
    order = torch.cdist(expected.means, means).argmin(dim=1)
    torch.testing.assert_close(means[order], expected.means, rtol=0, atol=2e-3)
    torch.testing.assert_close(found.opacities[order], expected.opacities, rtol=0, atol=0.01)


@pytest.mark.parametrize("suffix", [".ply", ".compressed.ply", ".sog", ".spz"])
def test_the_up_axis_of_nerfstudio_is_kept(cases: Path, tmp_path: Path, suffix: str) -> None:
    found = read_ply(cases / "nerfstudio_rgb.ply")
    assert found.up == "z"
    assert read_ply(cases / "base62.ply").up is None
    write_splat(tmp_path / f"scene{suffix}", found)
    assert read_splat(tmp_path / f"scene{suffix}").up == "z"
