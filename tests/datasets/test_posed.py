"""Users' own data: what is written in nerfstudio's convention comes back as the same pair."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharp_cli.datasets.posed import load_photo, posed_folders, posed_pairs, read_depth
from sharp_cli.datasets.view_pair import View
from sharp_cli.errors import SharpError

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
HEIGHT, WIDTH = 24, 32


def wall_view(x: float, yaw: float = 0.0) -> View:
    rng = np.random.default_rng(int(100 * x) + 7)
    viewmat = np.eye(4)
    viewmat[:3, :3] = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    viewmat[0, 3] = -x
    K = np.array([[30.0, 0, 16], [0, 31.0, 12], [0, 0, 1]])
    depth = rng.uniform(0.5, 30, (HEIGHT, WIDTH)).astype(np.float32)
    return View(rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8), depth, K, viewmat)


def write_scene(folder: Path, views: list[View], suffix: str) -> Path:
    frames = []
    for i, view in enumerate(views):
        Image.fromarray(view.image).save(folder / f"{i}.png")
        name = f"depth{i}{suffix}"
        if suffix == ".npy":
            np.save(folder / name, view.depth)
        elif suffix == ".png":
            Image.fromarray(np.rint(1000 * view.depth).astype(np.uint16)).save(folder / name)
        else:
            Image.fromarray(view.depth).save(folder / name)
        pose = np.linalg.inv(view.viewmat) @ OPENGL
        frames.append({"file_path": f"{i}.png", "depth_file_path": name, "transform_matrix": pose.tolist()})
    K = views[0].K
    head = {"w": WIDTH, "h": HEIGHT, "fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2], "cy": K[1, 2]}
    file = folder / "transforms.json"
    file.write_text(json.dumps({**head, "camera_model": "OPENCV", "frames": frames}))
    return file


@pytest.mark.parametrize("suffix", [".npy", ".png", ".tiff"])
def test_posed_pictures_come_back(tmp_path: Path, suffix: str) -> None:
    views = [wall_view(0.1, 0.02), wall_view(0.4, -0.1)]
    write_scene(tmp_path, views, suffix)
    pairs = posed_pairs(tmp_path, (HEIGHT, WIDTH))
    assert pairs.pairs == ((0, 1), (1, 0))
    pair = pairs[0]
    assert (pair.input.viewmat == np.eye(4)).all()
    np.testing.assert_allclose(pair.novel.viewmat, views[1].viewmat @ np.linalg.inv(views[0].viewmat), atol=1e-6)
    for got, view in ((pair.input, views[0]), (pair.novel, views[1])):
        assert (got.image == view.image).all()
        np.testing.assert_allclose(got.depth, view.depth, atol=6e-4 if suffix == ".png" else 0)
        np.testing.assert_allclose(got.K, view.K, rtol=1e-6)


def test_resizing_scales_the_camera_and_picks_depth(tmp_path: Path) -> None:
    views = [wall_view(0.0), wall_view(0.2)]
    pair = posed_pairs(write_scene(tmp_path, views, ".npy"), (12, 16))[0]
    np.testing.assert_allclose(pair.input.K[:2], views[0].K[:2] / 2, rtol=1e-6)
    assert pair.input.image.shape == (12, 16, 3)
    assert (pair.input.depth == views[0].depth[1::2, 1::2]).all()


def test_only_cameras_near_each_other_are_paired(tmp_path: Path) -> None:
    views = [wall_view(0.0), wall_view(0.5), wall_view(1.0), wall_view(0.1, yaw=1.5)]
    file = write_scene(tmp_path, views, ".npy")
    assert posed_pairs(file, 16).pairs == ((0, 1), (1, 0), (1, 2), (2, 1))
    with pytest.raises(SharpError, match="no two cameras"):
        posed_pairs(file, 16, farthest=0.05)


def test_a_frame_without_depth_is_refused(tmp_path: Path) -> None:
    file = write_scene(tmp_path, [wall_view(0.0), wall_view(0.2)], ".npy")
    content = json.loads(file.read_text())
    del content["frames"][1]["depth_file_path"]
    file.write_text(json.dumps(content))
    with pytest.raises(SharpError, match="depth_file_path"):
        posed_pairs(file, 16)


def test_a_picture_that_is_not_its_cameras_is_refused(tmp_path: Path) -> None:
    file = write_scene(tmp_path, [wall_view(0.0), wall_view(0.2)], ".npy")
    Image.new("RGB", (HEIGHT, WIDTH)).save(tmp_path / "0.png")
    with pytest.raises(SharpError, match="do not fit"):
        posed_pairs(file, 16)[0]


def test_unknown_depth_is_zero(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.array([[1.5, np.nan], [np.inf, -2.0]], np.float64))
    assert (read_depth(tmp_path / "d.npy") == [[1.5, 0], [0, 0]]).all()


def test_depth_of_another_kind_is_refused(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "eight.png")
    (tmp_path / "broken.npy").write_bytes(b"nothing")
    for name, message in (("eight.png", "16-bit"), ("broken.npy", "cannot read"), ("none.npy", "does not exist")):
        with pytest.raises(SharpError, match=message):
            read_depth(tmp_path / name)


def test_a_plain_photo_has_no_depth(data: Path) -> None:
    view = load_photo(data / "chelsea.png", (60, 90))
    assert view.image.shape == (60, 90, 3) and not view.depth.any()
    assert view.K[0, 2] == 45 and view.K[1, 2] == 30
    assert view.K[0, 0] == pytest.approx(view.K[1, 1], rel=0.01)


def test_a_folder_of_scenes_gives_the_pairs_of_all(tmp_path: Path) -> None:
    for name in ("a", "b/c"):
        (tmp_path / name).mkdir(parents=True)
        write_scene(tmp_path / name, [wall_view(0.0), wall_view(0.2)], ".npy")
    assert len(posed_folders(tmp_path / "a", 16)) == 2  # type: ignore[arg-type]
    assert len(posed_folders(tmp_path, 16)) == 4  # type: ignore[arg-type]
    (tmp_path / "none").mkdir()
    with pytest.raises(SharpError, match=r"no transforms\.json"):
        posed_folders(tmp_path / "none", 16)
