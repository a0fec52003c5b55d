"""Camera files of the field: each gives the cameras that its tool means, and a broken one gives one error."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sharp_cli import SharpError
from sharp_cli.cameras.camera_file import cameras_digest, read_cameras, read_views
from sharp_cli.cameras.lenses import Lens

EYE = torch.eye(4)
K = torch.tensor([[150.0, 0, 100], [0, 150, 75], [0, 0, 1]])


@pytest.fixture
def cases(data: Path) -> Path:
    return data / "cases" / "splats"


@pytest.mark.parametrize("name", ["cam_identity", "cam_float_w", "cam_applied", "cam_rolling", "cam_inria_cameras"])
def test_plain_cameras(cases: Path, name: str) -> None:
    (frame,) = read_cameras(cases / f"{name}.json")
    torch.testing.assert_close(frame.viewmat, EYE)
    torch.testing.assert_close(frame.K, K)
    assert (frame.width, frame.height, frame.lens) == (200, 150, None)


@pytest.mark.parametrize(
    ("name", "lens"),
    [
        ("cam_is_fisheye", Lens("fisheye", (0, 0, 0, 0))),
        ("cam_opencv_fisheye", Lens("fisheye", (0.01, 0, 0, 0))),
        ("cam_distort_small", Lens("opencv", (-0.0063, -0.06, -0.0014, 9e-05, 0, 0, 0, 0, 0))),
        ("cam_dist_params_list", Lens("opencv", (0.3, 0, 0, 0, 0, 0, 0, 0, 0))),
        ("cam_equirect", Lens("equirectangular")),
    ],
)
def test_lenses(cases: Path, name: str, lens: Lens) -> None:
    (views,) = read_views(cases / f"{name}.json")
    assert views.lens == lens
    assert (views.width, views.height) == (200, 150)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cam_ortho", "ORTHOPHOTO is not supported"),
        ("cam_mirror", "not a rotation"),
        ("cam_scaled_matrix", "not a rotation"),
        ("cam_3x4", "4 rows of 4"),
        ("cam_no_wh", "size is not known"),
    ],
)
def test_splats_that_cannot_be_rendered_are_named(cases: Path, name: str, words: str) -> None:
    with pytest.raises(SharpError, match=words):
        read_cameras(cases / f"{name}.json", 640)


def test_sizes_are_exact_and_may_differ(cases: Path) -> None:
    sizes = {
        name: [(v.width, v.height) for v in read_views(cases / f"{name}.json")] for name in ("cam_odd", "cam_odd_h")
    }
    assert sizes == {"cam_odd": [(201, 151)], "cam_odd_h": [(200, 151)]}
    assert [(v.width, v.height) for v in read_views(cases / "cam_two_sizes.json")] == [(200, 150), (150, 200)]
    assert [(v.width, v.height) for v in read_views(cases / "cam_two_sizes.json", (80, 60))] == [(80, 60), (80, 60)]


def test_an_unknown_size_is_the_pictures_or_the_one_asked_for(cases: Path, tmp_path: Path) -> None:
    (views,) = read_views(cases / "cam_no_wh.json", (300, 200))
    assert (views.width, views.height) == (300, 200)
    assert views.Ks[0, 0, 0].item() == pytest.approx(150 / math.tan(0.345))
    (tmp_path / "train").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "train" / "r_0.png")
    lego = (cases / "lego_transforms_train.json").read_text()
    (tmp_path / "lego.json").write_text(lego)
    (frame,) = read_cameras(tmp_path / "lego.json")
    assert (frame.width, frame.height, frame.picture) == (40, 30, tmp_path / "train" / "r_0.png")


@pytest.mark.parametrize(("name", "count"), [("aerogrid", None), ("brush", 1), ("cattoy", None), ("fruit", None)])
def test_files_from_public_repositories(cases: Path, name: str, count: int | None) -> None:
    path = cases / f"{name}_transforms.json"
    frames = read_cameras(path, (100, 75))
    assert len(frames) == (count or len(json.loads(path.read_text())["frames"]))
    assert (frames[0].lens is not None) == (name == "fruit")
    multicam = read_cameras(cases / "multicam_transforms.json")
    assert {(frame.width, frame.height) for frame in multicam} and all(frame.lens for frame in multicam[:1])


def test_a_camera_path_has_a_vertical_field_of_view(cases: Path, tmp_path: Path) -> None:
    (frame,) = read_cameras(cases / "cam_camera_path.json")
    torch.testing.assert_close(frame.viewmat, EYE)
    assert (frame.width, frame.height) == (200, 150)
    assert frame.K[1, 1].item() == pytest.approx(75 / math.tan(math.radians(26.5)))
    content = json.loads((cases / "cam_camera_path.json").read_text())
    for kind, model in (("fisheye", "fisheye"), ("equirectangular", "equirectangular")):
        (tmp_path / "path.json").write_text(json.dumps({**content, "camera_type": kind}))
        (frame,) = read_cameras(tmp_path / "path.json")
        assert frame.lens is not None and frame.lens.model == model
    for change, words in (
        ({"camera_type": "vr180"}, "vr180 is not supported"),
        ({"camera_path": []}, "empty"),
        ({"render_width": "a"}, "render_width must be"),
        ({"camera_path": [{"camera_to_world": [1, 2]}]}, "16 numbers"),
        ({"camera_path": [{**content["camera_path"][0], "fov": 190}]}, "fov must lie"),
    ):
        (tmp_path / "path.json").write_text(json.dumps({**content, **change}))
        with pytest.raises(SharpError, match=words):
            read_cameras(tmp_path / "path.json")


def test_inria_rotations_lead_from_the_camera_to_the_world(tmp_path: Path) -> None:
    turn = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]  # the camera looks along the world's x
    camera = {"width": 10, "height": 8, "position": [1, 2, 3], "rotation": turn, "fx": 5, "fy": 6}
    (tmp_path / "cameras.json").write_text(json.dumps([camera]))
    (frame,) = read_cameras(tmp_path / "cameras.json")
    seen = frame.viewmat @ torch.tensor([3.0, 2.0, 3.0, 1.0])
    torch.testing.assert_close(seen, torch.tensor([0.0, 0.0, 2.0, 1.0]))
    torch.testing.assert_close(frame.K, torch.tensor([[5.0, 0, 5], [0, 6, 4], [0, 0, 1]]))
    for change in ({"rotation": 3}, {"rotation": turn[:2]}, {"position": None}, {"rotation": [[1], [2], [3]]}):
        (tmp_path / "cameras.json").write_text(json.dumps([camera, {**camera, **change}]))
        with pytest.raises(SharpError, match="camera 1: needs a rotation"):
            read_cameras(tmp_path / "cameras.json")


def colmap_text(folder: Path) -> None:
    (folder / "cameras.txt").write_text(
        "# list\n7 OPENCV 640 480 500 510 320 240 0.1 0 0 0\n3 SIMPLE_PINHOLE 64 48 50 32 24\n"
    )
    (folder / "images.txt").write_text(
        "# list\n1 1 0 0 0 0 0 2 7 b.jpg\n10.5 20.5 -1\n2 0.7071067811865476 0 0.7071067811865476 0 1 2 3 3 a b.jpg\n\n"
    )


def colmap_binary(folder: Path) -> None:
    values = [500.0, 510.0, 320.0, 240.0, 0.1, 0.0, 0.0, 0.0]
    cameras = struct.pack("<QiiQQ8d", 2, 7, 4, 640, 480, *values) + struct.pack("<iiQQ3d", 3, 0, 64, 48, 50, 32, 24)
    (folder / "cameras.bin").write_bytes(cameras)
    first = struct.pack("<i7di", 1, 1, 0, 0, 0, 0, 0, 2, 7) + b"b.jpg\0" + struct.pack("<Q", 2) + bytes(48)
    half = math.sqrt(0.5)
    second = struct.pack("<i7di", 2, half, 0, half, 0, 1, 2, 3, 3) + b"a b.jpg\0" + struct.pack("<Q", 0)
    (folder / "images.bin").write_bytes(struct.pack("<Q", 2) + first + second)


@pytest.mark.parametrize("write", [colmap_text, colmap_binary])
@pytest.mark.parametrize("place", ["", "sparse/0"])
def test_colmap_folders(tmp_path: Path, write, place: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    write(tmp_path / place)
    first, second = read_cameras(tmp_path)  # in the order of their names
    assert (first.width, first.height, first.lens) == (64, 48, None)
    torch.testing.assert_close(first.K, torch.tensor([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]]))
    turned = torch.tensor([[0.0, 0, 1, 1], [0, 1, 0, 2], [-1, 0, 0, 3], [0, 0, 0, 1]])
    torch.testing.assert_close(first.viewmat, turned, atol=1e-6, rtol=0)
    assert second.lens == Lens("opencv", (0.1, 0, 0, 0, 0, 0, 0, 0, 0))
    assert second.viewmat[2, 3] == 2
    assert second.picture is not None and second.picture.name == "b.jpg"
    before = cameras_digest(tmp_path)
    with next((tmp_path / place).glob("images.*")).open("ab") as file:
        file.write(b"#\n")
    assert cameras_digest(tmp_path) != before


def test_a_damaged_colmap_folder_is_refused(tmp_path: Path) -> None:
    colmap_binary(tmp_path)
    whole = {name: (tmp_path / name).read_bytes() for name in ("cameras.bin", "images.bin")}
    for name, content in whole.items():
        for end in range(0, len(content), 7):
            (tmp_path / name).write_bytes(content[:end])
            with pytest.raises(SharpError, match=r"damaged|holds no image|not in cameras"):
                read_cameras(tmp_path)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "cameras.bin").write_bytes(whole["cameras.bin"].replace(struct.pack("<i", 4), struct.pack("<i", 7), 1))
    with pytest.raises(SharpError, match="model FOV is not supported"):
        read_cameras(tmp_path)
    (tmp_path / "cameras.bin").unlink()
    with pytest.raises(SharpError, match="neither a COLMAP model nor a transforms"):
        read_cameras(tmp_path)


def test_a_hundred_thousand_frames(tmp_path: Path) -> None:
    pose = [[1.0, 0.0, 0.0, 0.125], [0.0, -1.0, 0.0, 0.25], [0.0, 0.0, -1.0, 0.5], [0.0, 0.0, 0.0, 1.0]]
    frames = [{"file_path": f"{index}.png", "transform_matrix": pose} for index in range(100_000)]
    (tmp_path / "many.json").write_text(json.dumps({"w": 4, "h": 3, "fl_x": 5, "frames": frames}))
    (views,) = read_views(tmp_path / "many.json")
    assert len(views) == 100_000
    np.testing.assert_array_equal(views.viewmats[-1, :3, 3], [-0.125, -0.25, -0.5])


def test_an_impossible_focal_length_names_the_file(cases: Path, tmp_path: Path) -> None:
    content = json.loads((cases / "cam_applied.json").read_text()) | {"fl_x": 1e30, "fl_y": 1e30}
    (tmp_path / "far.json").write_text(json.dumps(content))
    with pytest.raises(SharpError, match=r"far\.json.*focal length of 1e\+30"):
        read_views(tmp_path / "far.json")


def test_of_several_colmap_models_the_largest_counts(tmp_path: Path) -> None:
    for number, count in (("0", 2), ("1", 9), ("2", 1)):
        folder = tmp_path / "sparse" / number
        folder.mkdir(parents=True)
        (folder / "cameras.bin").write_bytes(struct.pack("<QiiQQ4d", 1, 1, 1, 200, 150, 150, 150, 100, 75))
        images = [struct.pack("<i7di", i, 1, 0, 0, 0, 0, 0, i, 1) + b"%d.png\0" % i + bytes(8) for i in range(count)]
        (folder / "images.bin").write_bytes(struct.pack("<Q", count) + b"".join(images))
    assert len(read_cameras(tmp_path)) == 9
    cameras = tmp_path / "sparse" / "1" / "cameras.bin"
    cameras.write_bytes(cameras.read_bytes().replace(struct.pack("<ii", 1, 1), struct.pack("<ii", 1, 7)))
    with pytest.raises(SharpError, match="FOV is not supported"):
        read_cameras(tmp_path)


@pytest.mark.parametrize("angle", [{"camera_angle_y": 0.5}, {"y_fov": math.degrees(0.5)}, {"x_fov": math.degrees(0.5)}])
def test_one_angle_of_view_is_enough(cases: Path, tmp_path: Path, angle: dict) -> None:
    content = json.loads((cases / "cam_angle.json").read_text())
    del content["camera_angle_x"]
    (tmp_path / "one.json").write_text(json.dumps(content | angle))
    (frame,) = read_cameras(tmp_path / "one.json")
    side = 200 if "x_fov" in angle else 150
    expected = side / 2 / math.tan(0.25)
    assert frame.K[0, 0].item() == frame.K[1, 1].item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", [["perspective"], {"a": 1}, None, 3])
def test_a_camera_type_that_is_no_word_is_refused(cases: Path, tmp_path: Path, kind: object) -> None:
    content = json.loads((cases / "cam_camera_path.json").read_text()) | {"camera_type": kind}
    (tmp_path / "path.json").write_text(json.dumps(content))
    with pytest.raises(SharpError, match=r"camera_type .* is not supported"):
        read_cameras(tmp_path / "path.json")


def test_a_colmap_text_row_that_lacks_numbers_is_damage(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 200 150 150 150 100 75\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.png\n\n2 1 0 0 0 0 1 b.png\n\n")
    with pytest.raises(SharpError, match=r"damaged .*5 numbers for its pose"):
        read_cameras(tmp_path)
