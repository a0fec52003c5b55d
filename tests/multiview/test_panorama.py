"""Panoramas: faces of a room with known range, which faults per face, seams and cuts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from panoramas import WALLS, TrueDepth, equirect_directions, room_color, room_range

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.multiview.align import solve
from sharp_cli.multiview.equirect import Panorama, look, panorama_from_photo, to_angles
from sharp_cli.multiview.faces import choose_faces
from sharp_cli.multiview.panorama import at_camera_height, join_faces, notes_on, predict_faces
from sharp_cli.multiview.seams import robust_mean
from sharp_cli.photo import Photo
from sharp_cli.photo.panorama import PanoramaTags, is_all_around, panorama_tags

SIDE = 96
FAULTS = [(1.0, 0.0), (1.3, 0.0), (0.8, 0.02), (1.1, -0.02), (0.9, 0.03), (1.2, 0.0), (0.7, 0.0), (1.25, 0.0)]


def room(width: int = 512) -> Panorama:
    return Panorama(room_color(equirect_directions(width, width // 2)), -math.pi, math.tau, math.pi / 2, -math.pi / 2)


def photo(width: int, height: int, tags: PanoramaTags | None = None) -> Photo:
    return Photo(np.zeros((height, width, 3), np.uint8), 100.0, "test", panorama=tags)


def range_error(gaussians: Gaussians) -> np.ndarray:
    """Log of each Gaussian's range over the true one, less the median."""
    means = gaussians.means.double().numpy()
    length = np.linalg.norm(means, axis=1)
    error = np.log(length / room_range(means / length[:, None]))
    return error - np.median(error)


def joined(faults: list[tuple[float, float]], *, aligned: bool) -> Gaussians:
    panorama = room()
    ring = choose_faces(panorama)
    predict = TrueDepth([face.rotation for face in ring.faces], room_range, faults)
    return join_faces(panorama, ring, list(predict_faces(panorama, ring, predict, SIDE)), aligned=aligned)


def test_a_face_sees_what_lies_in_its_direction() -> None:
    panorama = room(1024)
    for face in choose_faces(panorama).faces:
        width, height, focal = face.size(2 * SIDE)
        seen = look(panorama, face.rotation, width, height, focal)
        x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
        rays = np.stack([x / focal, y / focal, np.ones_like(x)], -1) @ face.rotation.T
        true = room_color(rays / np.linalg.norm(rays, axis=-1, keepdims=True))
        assert np.median(np.abs(seen.astype(int) - true)) <= 3, face.name


def test_cells_cover_every_direction_once_and_lie_within_their_faces() -> None:
    panorama = room()
    ring = choose_faces(panorama)
    directions = equirect_directions(256, 128).reshape(-1, 3)
    cells = ring.cells(*to_angles(directions))
    assert set(cells) == set(range(8))
    for index, face in enumerate(ring.faces):
        local = directions[cells == index] @ face.rotation
        assert (local[:, 2] > 0).all()
        assert (np.abs(local[:, 0] / local[:, 2]) <= face.tan_x).all()
        assert (np.abs(local[:, 1] / local[:, 2]) <= face.tan_y).all()


def test_scales_are_found_and_the_ring_closes() -> None:
    true = np.array([0.2, -0.1, 0.3, -0.4])
    ratios = [(i, (i + 1) % 4, -(true[i] - true[(i + 1) % 4])) for i in range(4)]
    np.testing.assert_allclose(solve(4, ratios, [1.0] * 4), true - true.mean(), atol=1e-9)
    drifting = [(i, j, ratio + 0.04) for i, j, ratio in ratios]
    np.testing.assert_allclose(solve(4, drifting, [1.0] * 4), true - true.mean(), atol=1e-9)


def test_perfect_faces_stay_as_they_are() -> None:
    assert np.abs(range_error(joined([(1.0, 0.0)] * 8, aligned=True))).max() < 0.03


def test_faces_with_faults_of_their_own_are_brought_together() -> None:
    before, after = (range_error(joined(FAULTS, aligned=aligned)) for aligned in (False, True))
    assert before.std() > 0.15
    assert after.std() < 0.4 * before.std()


def test_scales_alone_are_removed_almost_wholly() -> None:
    faults = [(a, 0.0) for a, _ in FAULTS]
    assert range_error(joined(faults, aligned=True)).std() < 0.01


def test_the_view_from_the_center_does_not_change() -> None:
    before, after = (joined(FAULTS, aligned=aligned).means for aligned in (False, True))
    torch.testing.assert_close(
        before / before.norm(dim=1, keepdim=True), after / after.norm(dim=1, keepdim=True), atol=1e-5, rtol=0
    )


def test_an_overlap_goes_by_what_is_near() -> None:
    ratios, ranges = np.repeat([0.1, 0.9], [8, 12]), np.repeat([2.0, 500.0], [8, 12])
    assert robust_mean(ratios, 1 / ranges) == pytest.approx(0.1)
    assert robust_mean(ratios) == pytest.approx(0.9)
    assert robust_mean(np.full(20, np.nan)) is None


def test_a_known_camera_height_sets_the_size() -> None:
    gaussians = joined([(0.4, 0.0)] * 8, aligned=True)
    sized = at_camera_height(gaussians, WALLS[1])
    length = sized.means.norm(dim=1)
    true = room_range((sized.means / length[:, None]).double().numpy())
    assert np.median(length.numpy() / true) == pytest.approx(1.0, rel=0.02)
    above = replace(gaussians, means=gaussians.means * torch.tensor([1.0, -1.0, 1.0]).where(gaussians.means > 0, 1.0))
    with pytest.raises(SharpError, match="ground"):
        at_camera_height(above, 1.6)


def test_a_black_face_is_named_and_does_not_move_the_others() -> None:
    panorama = room()
    pixels = panorama.pixels.copy()
    pixels[165:] = 0  # all that the nadir's face shows
    panorama = replace(panorama, pixels=pixels)
    ring = choose_faces(panorama)
    faults = [*FAULTS[:7], (9.0, 0.0)]
    predict = TrueDepth([face.rotation for face in ring.faces], room_range, faults)
    splats = list(predict_faces(panorama, ring, predict, SIDE))
    assert notes_on(ring, splats) == ["the nadir shows one color, so its depth is a guess"]
    gaussians = join_faces(panorama, ring, splats)
    pitch = to_angles(gaussians.means.double().numpy())[1]
    assert range_error(gaussians)[pitch > -0.5].std() < 0.08


def test_a_panorama_of_one_color_is_refused() -> None:
    panorama = replace(room(), pixels=np.zeros((64, 128, 3), np.uint8))
    ring = choose_faces(panorama)
    predict = TrueDepth([face.rotation for face in ring.faces], room_range, FAULTS)
    with pytest.raises(SharpError, match="one color"):
        join_faces(panorama, ring, list(predict_faces(panorama, ring, predict, 32)))


def test_partial_panoramas_get_fewer_faces_and_keep_to_what_they_show() -> None:
    full = room()
    part = Panorama(full.pixels[96:160, 128:384], -math.pi / 2, math.pi, math.radians(22.5), -math.radians(22.5))
    ring = choose_faces(part)
    assert len(ring.faces) == ring.count == 3
    assert not ring.closed
    predict = TrueDepth([face.rotation for face in ring.faces], room_range, FAULTS[:3])
    gaussians = join_faces(part, ring, list(predict_faces(part, ring, predict, SIDE)))
    yaw, pitch = to_angles(gaussians.means.double().numpy())
    assert np.abs(yaw).max() <= math.pi / 2 + 1e-6
    assert np.abs(yaw).max() > math.pi / 2 - 0.05
    assert np.abs(pitch).max() <= math.radians(22.5) + 1e-6


def test_tags_say_which_directions_a_picture_shows() -> None:
    xmp = b"""<rdf:Description GPano:ProjectionType="equirectangular" GPano:FullPanoWidthPixels="8000"
      GPano:FullPanoHeightPixels="4000" GPano:CroppedAreaLeftPixels="2000"
      GPano:CroppedAreaTopPixels="1000"/>"""
    tags = panorama_tags(xmp)
    assert tags == PanoramaTags("equirectangular", 8000, 4000, 2000, 1000)
    part = panorama_from_photo(photo(400, 200, replace(tags, full_width=800, full_height=400, left=200, top=100)), "p")
    assert part.left == pytest.approx(-math.pi / 2)
    assert part.span == pytest.approx(math.pi)
    assert part.top == pytest.approx(math.pi / 4)
    assert part.bottom == pytest.approx(-math.pi / 4)
    elements = b"<GPano:ProjectionType>Equirectangular</GPano:ProjectionType>"
    assert is_all_around(panorama_tags(elements), 200, 100)
    assert panorama_tags(b"<x/>") is None


def test_what_directions_a_picture_shows_must_be_known() -> None:
    assert panorama_from_photo(photo(200, 100), "p").is_closed
    with pytest.raises(SharpError, match="field of view"):
        panorama_from_photo(photo(300, 100), "p.jpg")
    wide = panorama_from_photo(photo(300, 100), "p", fov=180)
    assert wide.span == pytest.approx(math.pi)
    assert wide.top == pytest.approx(math.pi / 6)
    with pytest.raises(SharpError, match="projection"):
        panorama_from_photo(photo(200, 100, PanoramaTags("fisheye")), "p")
    with pytest.raises(SharpError, match="360"):
        panorama_from_photo(photo(300, 100), "p", fov=400)


def test_cylindrical_rows_grow_with_the_tangent() -> None:
    found = panorama_from_photo(photo(400, 100, PanoramaTags("cylindrical", full_width=800)), "p")
    assert found.cylindrical
    assert found.top == pytest.approx(math.atan(50 / (800 / math.tau)))
