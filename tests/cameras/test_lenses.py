"""Lenses: the rays of all pixels are the inverse of the formulas."""

from __future__ import annotations

import numpy as np
import pytest

from sharp_cli.cameras.lenses import Lens, distort, pixel_rays

K = np.array([[150.0, 0, 100], [0, 140, 75], [0, 0, 1]])


@pytest.mark.parametrize(
    "coefficients",
    [
        (0.3,),
        (-0.0063, -0.06, -0.0014, 9e-05),
        (-0.3, 0.1, 0.001, -0.002, 0.02, -0.001),
        (0.5, 0.2, 0, 0, 0.1, 0, 0.6, 0.3, 0.05),
    ],
)
def test_rays_of_an_opencv_lens_lead_back_to_their_pixels(coefficients: tuple[float, ...]) -> None:
    lens = Lens("opencv", coefficients)
    rays = pixel_rays(lens, K, 200, 150)
    assert rays.shape == (150, 200, 3)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=-1), 1)
    x, y = distort(lens, rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2])
    u, v = np.meshgrid(np.arange(200) + 0.5, np.arange(150) + 0.5)
    np.testing.assert_allclose(150 * x + 100, u, atol=1e-6)
    np.testing.assert_allclose(140 * y + 75, v, atol=1e-6)


def test_beyond_the_fold_a_lens_sees_nothing() -> None:
    rays = pixel_rays(Lens("opencv", (-0.3,)), np.array([[50.0, 0, 100], [0, 50, 75], [0, 0, 1]]), 200, 150)
    seen = np.isfinite(rays).all(axis=-1)
    assert seen[75, 100] and not seen[0, 0]
    radius = np.hypot(rays[..., 0], rays[..., 1])[seen] / rays[..., 2][seen]
    assert radius.max() <= np.sqrt(1 / 0.9) + 1e-3  # where r − 0.3 r³ stops growing


def test_a_fisheye_maps_angles_to_radii() -> None:
    lens = Lens("fisheye", (0.01, -0.002))
    rays = pixel_rays(lens, K, 200, 150)
    theta = np.arctan2(np.hypot(rays[..., 0], rays[..., 1]), rays[..., 2])
    bent = theta * (1 + 0.01 * theta**2 - 0.002 * theta**4)
    u, v = np.meshgrid(np.arange(200) + 0.5, np.arange(150) + 0.5)
    np.testing.assert_allclose(bent, np.hypot((u - 100) / 150, (v - 75) / 140), atol=1e-7)
    wide = pixel_rays(Lens("fisheye"), np.array([[40.0, 0, 100], [0, 40, 100], [0, 0, 1]]), 200, 200)
    assert wide[100, 190, 2] < -0.5  # behind the camera
    assert np.isnan(wide[0, 0]).all()  # beyond a half turn


def test_an_equirectangular_picture_goes_all_around() -> None:
    rays = pixel_rays(Lens("equirectangular"), K, 360, 180)
    np.testing.assert_allclose(rays[90, 180], [0.00873, 0.00873, 1], atol=1e-4)
    assert rays[90, 270, 0] > 0.99 and rays[90, 90, 0] < -0.99 and rays[0, 0, 1] < -0.99 and rays[90, 0, 2] < -0.99
