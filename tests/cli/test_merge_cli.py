"""`sharp merge` as a user runs it, with a tiny network of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import sharp
from PIL import Image


@pytest.mark.parametrize(
    ("words", "expected", "code"),
    [
        (["a.jpg", "-o", "x.txt"], "not a splat", 2),
        (["a.jpg", "b.jpg", "--baseline", "0.1", "--cameras", "c.json", "-o", "x.ply"], "not both", 2),
        (["a.jpg", "b.jpg", "c.jpg", "--baseline", "0.1", "-o", "x.ply"], "two photos", 1),
        (["a.jpg", "b.jpg", "-o", "x.ply"], "cannot merge 0 photos", 1),
        (["a.jpg", "--cameras", "none.json", "-o", "x.ply"], "none.json", 1),
        (["-o", "x.ply"], "name at least two photos", 2),
        ([".", "-o", "x.ply"], "no photos in .", 1),
    ],
)
def test_wrong_use_is_one_sentence(
    words: list[str], expected: str, code: int, tiny_weights: Path, tmp_path: Path
) -> None:
    run = sharp("merge", *words, "--weights", tiny_weights, cwd=tmp_path)
    assert run.returncode == code
    assert expected in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("nothing_downloaded")
def test_photos_that_cannot_be_merged_download_no_weights(tmp_path: Path) -> None:
    for photos, expected in ((["a.jpg"], "name at least two"), (["a.jpg", "b.jpg", "--baseline", "1"], "a.jpg")):
        run = sharp("merge", *photos, "-o", "x.ply", cwd=tmp_path)
        assert run.returncode == 1 and expected in run.stderr and "Downloading" not in run.stderr


def test_photos_that_share_nothing_are_one_sentence_each(tiny_weights: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("left.png", "right.png"):
        Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)).save(tmp_path / name)
    words = ("merge", "left.png", "right.png", "--baseline", 0.1, "-o", "x.ply", "--weights", tiny_weights)
    run = sharp(*words, cwd=tmp_path)
    assert run.returncode == 1
    assert run.stderr.count("left out") == 2
    assert "only 0 of 2 photos overlap" in run.stderr
    (tmp_path / "x.ply").touch()
    assert "--overwrite" in sharp(*words, cwd=tmp_path).stderr


@pytest.mark.parametrize("words", [[], ["images"], ["images", "images/2.png"], ["images/1.png", "images/2.png"]])
def test_photos_are_those_of_the_camera_file_of_a_folder_or_named(
    words: list[str], tiny_weights: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    frames = []
    for number in (1, 2):
        Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)).save(tmp_path / "images" / f"{number}.png")
        pose = np.eye(4)
        pose[0, 3] = number / 10
        frames.append({"file_path": f"images/{number}.png", "transform_matrix": pose.tolist()})
    content = {"fl_x": 70, "fl_y": 70, "cx": 40, "cy": 30, "w": 80, "h": 60, "frames": frames}
    (tmp_path / "transforms.json").write_text(json.dumps(content), encoding="utf-8")
    run = sharp(
        *("merge", *words, "--cameras", "transforms.json", "-o", "x.ply", "--weights", tiny_weights), cwd=tmp_path
    )
    assert "merging 2 photos" in run.stderr and "[2/2]" in run.stderr, run.stderr
