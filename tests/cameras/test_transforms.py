"""transforms.json: what is written reads back, nerfstudio's axes, and one error for every broken file."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sharp_cli import SharpError
from sharp_cli.cameras.camera_file import read_views
from sharp_cli.cameras.transforms import read_transforms, write_transforms
from sharp_cli.cameras.views import Views
from sharp_cli.gaussians.covariance import rotation_from_quats

IDENTITY = torch.eye(4).tolist()
TOP = {"fl_x": 500.0, "fl_y": 510.0, "cx": 320.0, "cy": 240.0, "w": 640, "h": 480}
FRAME = {"file_path": "images/a.png", "transform_matrix": IDENTITY}

parts = st.floats(-1, 1, width=32)
quaternions = st.tuples(parts, parts, parts, parts).filter(lambda quat: sum(part**2 for part in quat) > 0.01)
places = st.tuples(*[st.floats(-1000, 1000, width=32)] * 3)
lenses = st.tuples(
    st.floats(1, 5000, width=32), st.floats(1, 5000, width=32), st.floats(-9, 4000, width=32), st.floats(-9, 4000)
)


def viewmat(quat: tuple[float, ...], place: tuple[float, ...]) -> Tensor:
    matrix = torch.eye(4)
    matrix[:3, :3] = rotation_from_quats(torch.tensor([quat]))[0]
    matrix[:3, 3] = torch.tensor(place)
    return matrix


def lens(fx: float, fy: float, cx: float, cy: float) -> Tensor:
    return torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def saved(folder: Path, content: Any) -> Path:
    path = folder / "transforms.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@settings(max_examples=50)
@given(
    st.lists(st.tuples(quaternions, places), min_size=1, max_size=4),
    st.lists(lenses, min_size=4, max_size=4),
    st.booleans(),
    st.integers(1, 9999),
    st.integers(1, 9999),
)
def test_what_is_written_is_read_back(poses: Any, various: Any, shared: bool, width: int, height: int) -> None:
    Ks = torch.stack([lens(*various[0 if shared else index]) for index in range(len(poses))])
    views = Views(torch.stack([viewmat(*pose) for pose in poses]), Ks, width, height)
    names = [f"pictures/{index}.png" for index in range(len(views))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new" / "transforms.json"
        write_transforms(path, [views], names)
        frames = read_transforms(path)
        (back,) = read_views(path)
        assert [frame.picture for frame in frames] == [path.parent / name for name in names]
    torch.testing.assert_close(back.viewmats, views.viewmats, rtol=1e-6, atol=1e-5)
    assert torch.equal(back.Ks, views.Ks)
    assert (back.width, back.height) == (width, height)
    assert all(frame.depth is None for frame in frames)


def test_only_the_cameras_own_axes_turn(tmp_path: Path) -> None:
    # In the world, the OpenGL camera at (1, 2, 3) without a turn looks along −z, with y up.
    pose = torch.eye(4)
    pose[:3, 3] = torch.tensor([1.0, 2.0, 3.0])
    path = saved(tmp_path, {**TOP, "frames": [{**FRAME, "transform_matrix": pose.tolist()}]})
    (frame,) = read_transforms(path)
    seen = frame.viewmat @ torch.tensor([1.5, 2.25, -1.0, 1.0])
    torch.testing.assert_close(seen, torch.tensor([0.5, -0.25, 4.0, 1.0]))
    # Our camera at the origin, looking along z with y down, in the other convention:
    written = tmp_path / "written.json"
    write_transforms(written, [Views(torch.eye(4)[None], lens(5, 5, 2, 2)[None], 4, 4)])
    content = json.loads(written.read_text())
    assert content["frames"] == [{"transform_matrix": torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0])).tolist()}]
    assert {key: content[key] for key in TOP} == {"fl_x": 5, "fl_y": 5, "cx": 2, "cy": 2, "w": 4, "h": 4}


def test_a_frames_own_facts_come_before_the_files(tmp_path: Path) -> None:
    own = {"fl_x": 900, "fl_y": 901.0, "cx": 100, "cy": 50.0, "w": 200.0, "h": 100, "depth_file_path": "depth\\a.npy"}
    path = saved(tmp_path, {**TOP, "frames": [FRAME, {"transform_matrix": IDENTITY, **own}]})
    first, second = read_transforms(path)
    torch.testing.assert_close(first.K, lens(500, 510, 320, 240))
    torch.testing.assert_close(second.K, lens(900, 901, 100, 50))
    assert (first.width, first.height, second.width, second.height) == (640, 480, 200, 100)
    assert (first.picture, first.depth) == (tmp_path / "images" / "a.png", None)
    assert (second.picture, second.depth) == (None, tmp_path / "depth" / "a.npy")
    assert [(views.width, views.height, len(views)) for views in read_views(path)] == [(640, 480, 1), (200, 100, 1)]


@pytest.mark.parametrize(
    ("facts", "K"),
    [
        ({"camera_angle_x": math.pi / 2}, (320, 320, 320, 240)),
        ({"camera_angle_x": math.pi / 2, "camera_angle_y": 2 * math.atan(0.5)}, (320, 480, 320, 240)),
        ({"camera_angle_x": 1.0, "fl_x": 700}, (700, 700, 320, 240)),
        ({"fl_x": 700, "cy": 200.5, "k1": 0.0, "k2": 0, "camera_model": "OPENCV"}, (700, 700, 320, 200.5)),
    ],
)
def test_omitted_properties_have_defaults(tmp_path: Path, facts: Any, K: Any) -> None:
    (frame,) = read_transforms(saved(tmp_path, {"w": 640, "h": 480, **facts, "frames": [FRAME]}))
    torch.testing.assert_close(frame.K, lens(*K))


def test_a_few_digits_are_enough(tmp_path: Path) -> None:
    pose = viewmat((0.9, 0.1, -0.3, 0.2), (1.0, 2.0, 3.0))
    rounded = [[round(value, 4) for value in row] for row in pose.tolist()]
    (frame,) = read_transforms(saved(tmp_path, {**TOP, "frames": [{"transform_matrix": rounded}]}))
    expected = torch.linalg.inv(pose @ torch.diag(torch.tensor([1.0, -1, -1, 1])))
    torch.testing.assert_close(frame.viewmat, expected, rtol=0, atol=1e-3)


def changed(row: int, column: int, value: Any) -> list[list[Any]]:
    matrix = [list(row) for row in IDENTITY]
    matrix[row][column] = value
    return matrix


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"transform_matrix": None}, "4 rows of 4 numbers"),
        ({"transform_matrix": "eye"}, "4 rows of 4 numbers"),
        ({"transform_matrix": IDENTITY[:3]}, "4 rows of 4 numbers"),
        ({"transform_matrix": [*IDENTITY[:3], [0, 1]]}, "4 rows of 4 numbers"),
        ({"transform_matrix": changed(0, 3, math.nan)}, r"\[0\]\[3\] must be a finite number, not NaN"),
        (
            {"transform_matrix": changed(2, 3, math.inf)},
            r"transform_matrix\[2\]\[3\] must be a finite number, not Infinity",
        ),
        ({"transform_matrix": changed(2, 3, 10**400)}, r"transform_matrix\[2\]\[3\]"),
        ({"transform_matrix": changed(2, 3, 1e300)}, "too far away"),
        ({"transform_matrix": changed(1, 1, "1")}, r"transform_matrix\[1\]\[1\] must be a finite number, not \"1\""),
        ({"transform_matrix": changed(1, 1, True)}, r"transform_matrix\[1\]\[1\] must be a finite number, not true"),
        ({"transform_matrix": changed(0, 0, 2.0)}, "not a rotation and a position"),
        ({"transform_matrix": changed(0, 0, -1.0)}, "not a rotation and a position"),
        ({"transform_matrix": changed(0, 0, 1e200)}, "not a rotation and a position"),
        ({"transform_matrix": changed(0, 1, 0.1)}, "not a rotation and a position"),
        ({"transform_matrix": changed(3, 0, 0.1)}, "not a rotation and a position"),
        ({"w": 0}, "w must be a whole number of pixels, not 0"),
        ({"w": 640.5}, "w must be a whole number of pixels, not 640.5"),
        ({"h": "480"}, "h must be a finite number"),
        ({"h": None}, "h must be a finite number, not null"),
        ({"fl_x": 0}, "fl_x must be positive"),
        ({"fl_y": -3}, "fl_y must be positive"),
        ({"fl_x": 1e300}, "out of range"),
        ({"fl_x": 1e-300}, "out of range"),
        ({"cx": []}, r"cx must be a finite number, not \[\]"),
        ({"k3": "none"}, "k3 must be a finite number"),
        ({"camera_model": "ORTHOPHOTO"}, "camera model ORTHOPHOTO is not supported"),
        ({"camera_model": ["PINHOLE"]}, "is not supported"),
        ({"file_path": 3}, "file_path must be a file name, not 3"),
        ({"depth_file_path": ""}, "depth_file_path must be a file name"),
    ],
)
def test_a_broken_frame_is_named_by_its_number(tmp_path: Path, change: Any, sentence: str) -> None:
    path = saved(tmp_path, {**TOP, "frames": [FRAME, {**FRAME, **change}]})
    with pytest.raises(SharpError, match=rf"frames\[1\]: .*{sentence}") as caught:
        read_transforms(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "not a JSON file"),
        ("{'w': 3}", "not a JSON file"),
        ("[" * 100_000, "not a JSON file"),
        ("[]", "object with a list of 'frames'"),
        (TOP, "list of 'frames'"),
        ({**TOP, "frames": {}}, "list of 'frames'"),
        ({**TOP, "frames": []}, "at least one"),
        ({**TOP, "frames": [3]}, r"frames\[0\]: not an object"),
        ({"fl_x": 5, "h": 3, "frames": [FRAME]}, r"frames\[0\]: .*size is not known"),
        ({"camera_angle_x": 0.7, "frames": [FRAME]}, "add w and h to the file"),
        ({"w": 4, "h": 3, "frames": [FRAME]}, r"frames\[0\]: no focal length"),
        ({"w": 4, "h": 3, "camera_angle_x": 3.2, "frames": [FRAME]}, "camera_angle_x must lie between 0 and π"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: Any, sentence: str) -> None:
    with pytest.raises(SharpError, match=sentence) as caught:
        read_transforms(saved(tmp_path, content))
    assert "transforms.json" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match=r"cannot read .*nothing\.json: No such file"):
        read_transforms(tmp_path / "nothing.json")
    binary = tmp_path / "photo.json"
    binary.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(SharpError, match="not a JSON file"):
        read_transforms(binary)


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({**TOP, "frames": [FRAME]}).encode())
    assert len(read_transforms(path)) == 1


def test_as_many_pictures_as_views(tmp_path: Path) -> None:
    views = Views(torch.eye(4).repeat(2, 1, 1), lens(5, 5, 2, 2).repeat(2, 1, 1), 4, 4)
    with pytest.raises(ValueError, match="2 views need as many pictures, not 1"):
        write_transforms(tmp_path / "transforms.json", [views], ["a.png"])
    assert not list(tmp_path.iterdir())


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    path = saved(tmp_path, "before")
    views = Views(torch.eye(4)[None], torch.tensor([[[4.0, 0, float("nan")], [0, 4, 2], [0, 0, 1]]]), 4, 4)
    with pytest.raises(ValueError, match="JSON compliant"):
        write_transforms(path, [views])
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"]
