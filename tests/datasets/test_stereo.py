"""Middlebury and Booster as folders on disk, made here by the formats' rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stereo_folders import MATRIX, SHIFT, make_booster, make_middlebury, write_pfm

from sharp_cli.datasets.booster import booster_samples
from sharp_cli.datasets.middlebury import middlebury_samples
from sharp_cli.datasets.pfm import read_pfm
from sharp_cli.datasets.stereo import depth_from_disparity
from sharp_cli.errors import SharpError
from sharp_cli.evaluation.baselines import median_depth, photo_on_plane


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    values=arrays(np.float32, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.floats(width=32)),
    scale=st.sampled_from(["-1.0", "1.0", "-0.003922", "1e-2", "-1"]),
)
def test_pfm_round_trip(values: np.ndarray, scale: str, tmp_path: Path) -> None:
    write_pfm(tmp_path / "a.pfm", values, scale)
    found = read_pfm(tmp_path / "a.pfm")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a PFM"),
        (b"P5\n2 2\n255\n" + bytes(4), "not a PFM"),
        (b"Pf\n2 2\n0\n" + bytes(16), "not a PFM"),
        (b"PF\n1 1\n-1\n" + bytes(12), "three channels"),
        (b"Pf\n2 2\n-1\n" + bytes(15), "does not hold"),
        (b"Pf\n0 0\n-1\n", "does not hold"),
        (b"Pf\n999999 999999\n-1\n" + bytes(16), "does not hold"),
    ],
)
def test_files_that_are_not_pfm_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.pfm").write_bytes(content)
    with pytest.raises(SharpError, match=message):
        read_pfm(tmp_path / "a.pfm")
    with pytest.raises(SharpError, match="cannot read"):
        read_pfm(tmp_path / "none.pfm")


def test_depth_from_disparity_by_hand() -> None:
    disparity = np.array([[10.0, 30.0, np.inf], [0.0, np.nan, -1.0]], np.float32)
    # 1000 px · 0.2 m / (d + 10 px)
    depth = depth_from_disparity(disparity, 1000.0, 0.2, 10.0)
    np.testing.assert_allclose(depth, [[10.0, 5.0, 0.0], [0.0, 0.0, 0.0]])


def test_middlebury_left_predicts_right(tmp_path: Path) -> None:
    make_middlebury(tmp_path / "Wall-perfect")
    make_middlebury(tmp_path / "More" / "Wall-imperfect", doffs=0.0)
    samples = middlebury_samples(tmp_path)
    assert [sample.name for sample in samples] == ["More/Wall-imperfect", "Wall-perfect"]
    pair = samples[1].load()
    assert median_depth(pair) == pytest.approx(5 / 11)
    assert (pair.input.depth[0, :5] == 0).all()
    np.testing.assert_allclose(pair.novel.viewmat[:3, 3], [-0.05, 0, 0])
    np.testing.assert_allclose(pair.input.K, [[100, 0, 19], [0, 100, 15], [0, 0, 1]])  # centers at halves
    check_that_the_plane_explains_the_right_view(samples)


def check_that_the_plane_explains_the_right_view(samples: list) -> None:
    """The wall is a plane: its picture moves by the disparity, and the edge goes on beyond. This pins f, B and both
    principal points down together."""
    for sample in samples:
        pair = sample.load()
        found = photo_on_plane(pair, median_depth(pair))
        np.testing.assert_array_equal(found[:, :-SHIFT], pair.novel.image[:, :-SHIFT])
        np.testing.assert_array_equal(found[:, -SHIFT:], np.repeat(pair.photo[:, -1:], SHIFT, axis=1))


def test_middlebury_without_truth_has_no_depth(tmp_path: Path) -> None:
    make_middlebury(tmp_path)
    (sample,) = middlebury_samples(tmp_path)
    assert sample.name == tmp_path.name
    for name in ("disp0.pfm", "disp1.pfm"):
        (tmp_path / name).unlink()
    pair = sample.load()
    assert not pair.input.depth.any()
    assert median_depth(pair) is None


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ("", "cam0 must"),
        ("cam0=[1 0 0; 0 1 0; 0 0 1]\ncam1=[1 0; 0 1]\n", "cam1 must"),
        ("cam0=[1 0 0; 0 1 0; 0 0 1]\ncam1=[1 0 0; 0 1 0; 0 0 1]\nbaseline=-3\n", "baseline"),
        ("cam0=[nan 0 0; 0 1 0; 0 0 1]\n", "cam0 must"),
    ],
)
def test_broken_calibrations_are_refused(calibration: str, message: str, tmp_path: Path) -> None:
    make_middlebury(tmp_path / "a")
    (tmp_path / "a" / "calib.txt").write_text(calibration)
    with pytest.raises(SharpError, match=message):
        middlebury_samples(tmp_path)[0].load()


def test_images_and_disparities_of_different_sizes_are_refused(tmp_path: Path) -> None:
    make_middlebury(tmp_path / "a")
    write_pfm(tmp_path / "a" / "disp0.pfm", np.ones((15, 20), np.float32))
    with pytest.raises(SharpError, match="40 × 30 pixels, and its disparity map 20 × 15"):
        middlebury_samples(tmp_path)[0].load()


def test_booster_under_each_light(tmp_path: Path) -> None:
    make_booster(tmp_path / "balanced" / "Wall")
    samples = booster_samples(tmp_path)
    assert [sample.name for sample in samples] == ["balanced/Wall/im0", "balanced/Wall/im1"]
    assert median_depth(samples[0].load()) == pytest.approx(5 / 7)
    check_that_the_plane_explains_the_right_view(samples)


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ("<opencv_storage>", "not an OpenCV calibration"),
        ("<opencv_storage/>", "proj_matL must"),
        ("<a>" + MATRIX.format("proj_matL", 1, 0) + MATRIX.format("proj_matR", 1, 0) + "</a>", "baselineLR"),
    ],
)
def test_broken_booster_calibrations_are_refused(calibration: str, message: str, tmp_path: Path) -> None:
    make_booster(tmp_path)
    (tmp_path / "calib_00-02.xml").write_text(calibration)
    with pytest.raises(SharpError, match=message):
        booster_samples(tmp_path)[0].load()


@pytest.mark.parametrize("find", [middlebury_samples, booster_samples])
def test_a_folder_without_scenes_is_refused(find: object, tmp_path: Path) -> None:
    with pytest.raises(SharpError, match=r"no .* scenes in .*: a scene is a folder with"):
        find(tmp_path)  # type: ignore[operator]


def test_a_stereo_pair_is_read_without_the_scene_generator() -> None:
    script = (
        "import sys, sharp_cli.datasets.stereo\n"
        "sys.exit(any(name.startswith('sharp_cli.scenes') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
