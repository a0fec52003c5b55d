"""Image sizes, intrinsics and poses: the whole photo stays visible, sizes are exact, targets are in the center."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharp_cli import Camera, SharpError
from sharp_cli.cameras.views import Views, fit_size, fit_views, intrinsics, look_at

coordinates = st.floats(-100, 100, allow_subnormal=False)
places = st.tuples(coordinates, coordinates, coordinates)


def views_of(camera: Camera) -> Views:
    return Views(torch.eye(4)[None], intrinsics(camera).float()[None], camera.width, camera.height)


@pytest.mark.parametrize(
    ("photo", "size", "expected"),
    [
        (Camera(640, 427, 550.0), None, Camera(640, 427, 550.0)),
        (Camera(801, 601, 700.0), None, Camera(801, 601, 700.0)),
        (Camera(801, 601, 700.0), (741, 497), Camera(741, 497, 700.0 * 497 / 601)),
        (Camera(4032, 3024, 2900.0), None, Camera(1920, 1440, 2900.0 * 1920 / 4032)),
        (Camera(3024, 4032, 2900.0), None, Camera(1440, 1920, 2900.0 * 1920 / 4032)),
        (Camera(640, 480, 512.0), 1280, Camera(1280, 960, 1024.0)),
        (Camera(640, 480, 512.0), 321, Camera(321, 241, 512.0 * 321 / 640)),
        (Camera(5000, 3, 4000.0), None, Camera(1920, 1, 4000.0 * 1 / 3)),
        (Camera(640, 480, 512.0), (1920, 1080), Camera(1920, 1080, 512.0 * 1080 / 480)),
        (Camera(640, 480, 512.0), (480, 640), Camera(480, 640, 384.0)),
    ],
)
def test_sizes(photo: Camera, size: int | tuple[int, int] | None, expected: Camera) -> None:
    fitted = fit_size(photo, size)
    assert (fitted.width, fitted.height) == (expected.width, expected.height)
    assert fitted.focal_px == pytest.approx(expected.focal_px, rel=1e-9)


@given(
    st.integers(1, 9000),
    st.integers(1, 9000),
    st.one_of(st.none(), st.integers(2, 5000), st.tuples(st.integers(2, 5000), st.integers(2, 5000))),
)
def test_every_image_has_its_size_and_shows_the_whole_photo(
    width: int, height: int, size: int | tuple[int, int] | None
) -> None:
    photo = Camera(width, height, 700.0)
    fitted = fit_size(photo, size)
    if isinstance(size, tuple):
        assert (fitted.width, fitted.height) == size
    else:
        assert max(fitted.width, fitted.height) == (min(1920, max(width, height)) if size is None else size)
    shown = (fitted.width / fitted.focal_px, fitted.height / fitted.focal_px)
    assert shown[0] >= width / 700 * (1 - 1e-9)
    assert shown[1] >= height / 700 * (1 - 1e-9)
    assert shown[0] == pytest.approx(width / 700) or shown[1] == pytest.approx(height / 700)


@pytest.mark.parametrize("size", [0, -5, 1, (1920, 1), (0, 100)])
def test_sizes_below_two_pixels_are_refused(size: int | tuple[int, int]) -> None:
    with pytest.raises(SharpError, match="too small"):
        fit_size(Camera(640, 480, 512.0), size)
    with pytest.raises(SharpError, match="too small"):
        fit_views(views_of(Camera(640, 480, 512.0)), size)


@pytest.mark.parametrize("focal", [0.0, 1e-300, 1e-12, 1e30, float("nan")])
def test_absurd_focal_lengths_are_refused(focal: float) -> None:
    with pytest.raises(SharpError, match="focal length"):
        views_of(Camera(640, 480, focal))


@pytest.mark.parametrize("size", [None, 333, (1000, 200)])
def test_views_are_fitted_as_cameras_are(size: int | tuple[int, int] | None) -> None:
    camera = Camera(801, 601, 700.0)
    fitted = fit_views(views_of(camera), size)
    expected = views_of(fit_size(camera, size))
    torch.testing.assert_close(fitted.Ks, expected.Ks)
    assert (fitted.width, fitted.height) == (expected.width, expected.height)


def test_a_principal_point_off_the_center_stays_at_its_place_in_the_photo() -> None:
    views = views_of(Camera(640, 480, 512.0))
    views.Ks[:, 0, 2] -= 40
    fitted = fit_views(views, (1600, 960))
    assert fitted.Ks[0, 0, 2] == pytest.approx(800 - 2 * 40)
    assert fitted.Ks[0, 1, 2] == pytest.approx(480)
    assert views.Ks[0, 0, 2] == 280  # the argument is left alone


@given(places, places)
def test_a_camera_sees_its_target_ahead_and_what_is_above_it_upwards(
    eye: tuple[float, float, float], target: tuple[float, float, float]
) -> None:
    eyes, targets = torch.tensor([eye], dtype=torch.float64), torch.tensor([target], dtype=torch.float64)
    if (targets - eyes)[:, [0, 2]].norm() < 1e-3 * (1 + (targets - eyes).norm()):
        return
    (viewmat,) = look_at(eyes, targets)
    rotation, translation = viewmat[:3, :3], viewmat[:3, 3]
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3, dtype=torch.float64))
    assert torch.linalg.det(rotation) == pytest.approx(1)
    seen = rotation @ targets[0] + translation
    torch.testing.assert_close(seen, seen.new_tensor([0, 0, (targets - eyes).norm()]), atol=1e-9, rtol=1e-9)
    above = rotation @ targets.new_tensor([0.0, -1.0, 0.0])
    assert above[1] < 0
    assert above[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("target", [(1.0, 2.0, 3.0), (1.0, -5.0, 3.0), (1.0, 5.0, 3.0)])
def test_a_camera_cannot_look_at_itself_or_straight_up_or_down(target: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="cannot look"):
        look_at(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor(target))


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match=r"\(2, 4, 4\), \(1, 3, 3\)"):
        Views(torch.eye(4).repeat(2, 1, 1), torch.eye(3)[None], 4, 4)
