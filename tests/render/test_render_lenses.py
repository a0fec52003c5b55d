"""Pictures through lenses: splats appear where the lens's formula puts them, at the right depth."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from sharp_cli import Gaussians, read_ply
from sharp_cli.cameras.camera_file import read_views
from sharp_cli.cameras.lenses import Lens, distort
from sharp_cli.cameras.views import Views
from sharp_cli.render.views import render_views

SIZE = 200


def dots(places: torch.Tensor) -> Gaussians:
    """Small opaque dots, each as large as a pixel or two."""
    distance = places.norm(dim=1, keepdim=True)
    return Gaussians(
        means=places,
        scales=(0.008 * distance).expand(-1, 3),
        quats=torch.tensor([1.0, 0, 0, 0]).expand(len(places), 4),
        opacities=torch.full((len(places),), 0.99),
        colors=torch.ones(len(places), 3),
    )


def center_of(picture: torch.Tensor) -> tuple[float, float]:
    """The center of light [px]."""
    light = picture.double()
    v, u = torch.meshgrid(torch.arange(light.shape[0]) + 0.5, torch.arange(light.shape[1]) + 0.5, indexing="ij")
    return float((light * u).sum() / light.sum()), float((light * v).sum() / light.sum())


def views_of(lens: Lens, focal: float, width: int = SIZE, height: int = SIZE) -> Views:
    K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Views(torch.eye(4)[None], K[None], width, height, lens)


def project(lens: Lens, focal: float, place: torch.Tensor, width: int, height: int) -> tuple[float, float]:
    x, y, z = place.tolist()
    if lens.model == "equirectangular":
        latitude = math.atan2(y, math.hypot(x, z))
        return (math.atan2(x, z) / math.tau + 0.5) * width, (latitude / math.pi + 0.5) * height
    if lens.model == "fisheye":
        theta = math.atan2(math.hypot(x, y), z)
        bent = theta * (1 + lens.coefficients[0] * theta**2)
        scale = bent / math.hypot(x, y)
        return focal * x * scale + width / 2, focal * y * scale + height / 2
    u, v = distort(lens, np.array(x / z), np.array(y / z))
    return focal * float(u) + width / 2, focal * float(v) + height / 2


OPENCV = Lens("opencv", (-0.2, 0.05, 0.01, -0.02))
FISHEYE = Lens("fisheye", (0.02, 0.0, 0.0, 0.0))
AROUND = Lens("equirectangular")


@pytest.mark.parametrize(
    ("lens", "focal", "place"),
    [
        (OPENCV, 150, (0.5, -0.4, 1.0)),
        (OPENCV, 150, (-0.8, 0.9, 1.6)),
        (FISHEYE, 150, (0.5, 0.3, 1.0)),
        (FISHEYE, 55, (1.0, 0.4, 0.2)),
        (FISHEYE, 55, (-0.9, 0.2, -0.1)),
        (AROUND, 1, (0.3, 0.1, 1.0)),
        (AROUND, 1, (-1.0, 0.5, -0.8)),
        (AROUND, 1, (0.9, -0.7, -0.2)),
    ],
)
def test_a_dot_lands_where_the_lens_bends_it(lens: Lens, focal: float, place: tuple[float, ...]) -> None:
    width = 2 * SIZE if lens is AROUND else SIZE
    spot = torch.tensor(place)
    (picture,) = render_views(dots(spot[None]), views_of(lens, focal, width), backend="cpu")
    expected = project(lens, focal, spot, width, SIZE)
    assert picture.color.shape == (1, SIZE, width, 3)
    assert center_of(picture.alpha[0]) == pytest.approx(expected, abs=0.1)
    u, v = (int(value) for value in expected)
    depth = float(spot[2]) if lens is OPENCV else float(spot.norm())
    assert float(picture.depth[0, v, u]) == pytest.approx(depth, rel=0.01)


def test_where_a_lens_sees_nothing_the_background_shows() -> None:
    lens = Lens("opencv", (-0.3,))
    (picture,) = render_views(
        dots(torch.tensor([[0.0, 0, 1]])), views_of(lens, 50), background=torch.tensor([0.1, 0.2, 0.3]), backend="cpu"
    )
    torch.testing.assert_close(picture.color[0, 0, 0], torch.tensor([0.1, 0.2, 0.3]))
    assert picture.alpha[0, 0, 0] == 0


def test_a_lens_without_distortion_renders_as_a_pinhole(data: Path) -> None:
    splat = read_ply(data / "cases" / "splats" / "patches.ply")
    (pinhole,) = render_views(splat, Views(torch.eye(4)[None], views_of(OPENCV, 280).Ks, SIZE, SIZE), backend="cpu")
    (lens,) = render_views(splat, views_of(Lens("opencv", (1e-9,)), 280), backend="cpu")
    error = (lens.color - pinhole.color)[0, 10:-10, 10:-10].square().mean()
    assert -10 * math.log10(float(error)) > 30


@pytest.mark.parametrize("name", ["cam_distort_small", "cam_dist_params_list", "cam_opencv_fisheye", "cam_is_fisheye"])
def test_the_dots_of_the_cases(data: Path, name: str) -> None:
    cases = data / "cases" / "splats"
    splat = read_ply(cases / "dots.ply")
    (views,) = read_views(cases / f"{name}.json")
    assert views.lens is not None
    (picture,) = render_views(splat, views, backend="cpu")
    for place in splat.means:
        u, v = project(views.lens, 150, place, 200, 150)
        if 4 <= u < 196 and 4 <= v < 146:
            row, column = int(v) - 4, int(u) - 4
            x, y = center_of(picture.alpha[0, row : row + 9, column : column + 9])
            assert (x + column, y + row) == pytest.approx((u, v), abs=0.25)
