"""The page in a real Chromium: it starts with the photo's view, as sharp renders it, and sends no request."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from chromium import Tab, chromium, find_chromium

from sharp_cli import Gaussians
from sharp_cli.cameras.trajectories import trajectory
from sharp_cli.cameras.views import fit_views
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.spherical_harmonics import view_colors
from sharp_cli.render.pictures import to_srgb8
from sharp_cli.render.rasterizer import rasterize
from sharp_cli.render.views import render_views
from sharp_cli.viewer.export import write_html
from sharp_cli.viewer.server import viewer_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium or Chrome on the PATH"),
]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="module")
def page(relief: Gaussians, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "relief.html"
    write_html(path, relief, "relief")
    return path.as_uri()


def rendered(gaussians: Gaussians, width: int, height: int) -> np.ndarray:
    """The photo's whole view in the middle of a window of this size, sRGB in 0 … 255."""
    camera = gaussians.camera
    assert camera
    f = camera.focal_px * min(width / camera.width, height / camera.height)
    picture = rasterize(
        gaussians.means,
        gaussians.opacities,
        view_colors(gaussians, torch.zeros(3)),
        torch.eye(4)[None],
        torch.tensor([[[f, 0, width / 2], [0, f, height / 2], [0, 0, 1]]]),
        width,
        height,
        quats=gaussians.quats,
        scales=gaussians.scales,
    )
    return (linear_to_srgb(picture.color[0]).clamp(0, 1) * 255).numpy()


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * math.log10(255**2 / max(1e-9, np.mean((a.astype(np.float64) - b) ** 2)))


@pytest.mark.parametrize("window", [(512, 340), (400, 170), (200, 300)])
def test_the_start_view_is_the_whole_photo_in_any_window(
    relief: Gaussians, page: str, tab: Tab, window: tuple[int, int]
) -> None:
    tab.open(f"{page}?noui", *window)
    ours = rendered(relief, *window)
    shot = tab.screenshot()
    assert shot.shape == ours.shape
    assert psnr(shot, ours) >= 28
    assert psnr(shot[:, ::-1], ours) < 20
    assert psnr(shot[::-1], ours) < 20


def test_a_splat_trained_elsewhere_looks_as_sharp_renders_it(relief: Gaussians, tmp_path: Path, tab: Tab) -> None:
    """Half transparent, with loud colors: blending in linear light would look quite different."""
    rng = torch.Generator().manual_seed(0)
    colors = torch.rand(relief.colors.shape, generator=rng).round()
    faint = replace(relief, opacities=relief.opacities * 0.3, colors=colors, blending="srgb")
    write_html(tmp_path / "faint.html", faint, "faint")
    tab.open(f"{(tmp_path / 'faint.html').as_uri()}?noui", 512, 340)
    shot = tab.screenshot()
    views = fit_views(trajectory("still", faint, frames=1), (512, 340))
    (ours,) = render_views(faint, views)
    assert psnr(shot, to_srgb8(ours.color[0], "srgb")) >= 30
    (linear,) = render_views(replace(faint, blending="linear"), views)
    assert psnr(shot, to_srgb8(linear.color[0])) < 25


def test_the_page_sends_no_request(page: str, tab: Tab) -> None:
    tab.requests.clear()
    tab.open(page, 320, 240)
    assert [url for url in tab.requests if not url.startswith("blob:")] == [page]
    assert not [line for line in tab.log if "Content Security Policy" in line or "exception" in line.lower()]


def test_the_page_itself_forbids_requests(page: str, tab: Tab) -> None:
    tab.open(page, 320, 240)
    for url in ("https://example.org/", "file:///etc/hostname"):
        assert tab.evaluate(f"fetch('{url}').then(() => 'fetched', () => 'refused')") == "refused"
        assert any(url in line and "Content Security Policy" in line for line in tab.log)


def test_it_starts_at_rest_ready_to_orbit_with_little_before_the_photo(relief: Gaussians, page: str, tab: Tab) -> None:
    tab.open(page, 480, 320)
    first = tab.screenshot()
    assert psnr(first[45:260], rendered(relief, 480, 320)[45:260]) >= 28
    assert tab.evaluate("document.querySelector('.sse-orbitCamera').classList.contains('sse-active')")
    assert tab.evaluate("document.querySelector('.note').textContent") == "Licensefor <research> only"
    tab.evaluate("new Promise((resolve) => setTimeout(resolve, 400))")
    assert psnr(tab.screenshot(), first) > 45


def test_dragging_turns_the_view_and_r_brings_it_back(relief: Gaussians, page: str, tab: Tab) -> None:
    tab.open(f"{page}?noui", 256, 170)
    ours = rendered(relief, 256, 170)
    for kind, x in (("mousePressed", 120), ("mouseMoved", 150), ("mouseMoved", 180), ("mouseReleased", 180)):
        tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=85, button="left", buttons=1, clickCount=1)
    tab.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    assert psnr(tab.screenshot(), ours) < 20
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="r", code="KeyR", windowsVirtualKeyCode=82)
    tab.evaluate("new Promise((resolve) => setTimeout(resolve, 1300))")
    assert psnr(tab.screenshot(), ours) >= 28


def test_colors_that_depend_on_the_direction_arrive(relief: Gaussians, tmp_path: Path, tab: Tab) -> None:
    sh = torch.zeros(len(relief), 3, 3)
    sh[:, 0, 0], sh[:, 1, 1], sh[:, 2, 2] = 0.5, -0.3, 0.7  # y in red, z in green, x in blue
    turned = replace(relief, sh=sh)
    assert psnr(rendered(turned, 256, 170), rendered(relief, 256, 170)) < 22
    write_html(tmp_path / "sh.html", turned, "sh")
    tab.open(f"{(tmp_path / 'sh.html').as_uri()}?noui", 256, 170)
    assert psnr(tab.screenshot(), rendered(turned, 256, 170)) >= 28


def test_the_served_page_of_degree_four_shows_what_the_exported_one_shows(
    relief: Gaussians, tmp_path: Path, tab: Tab
) -> None:
    generator = torch.Generator().manual_seed(3)
    splat = replace(relief, sh=torch.randn(len(relief), 24, 3, generator=generator) * 0.1)
    write_html(tmp_path / "four.html", splat, "four")
    tab.open(f"{(tmp_path / 'four.html').as_uri()}?noui", 256, 170)
    exported = tab.screenshot()
    with viewer_server(splat, "four") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab.open(f"{server.url}?noui", 256, 170)
        served = tab.screenshot()
        server.shutdown()
    assert psnr(served, exported) > 45


def test_a_splat_without_a_camera_is_framed_whole(relief: Gaussians, tmp_path: Path, tab: Tab) -> None:
    write_html(tmp_path / "foreign.html", replace(relief, camera=None), "foreign")
    tab.open(f"{(tmp_path / 'foreign.html').as_uri()}?noui", 256, 256)
    lit = tab.screenshot().max(axis=2) > 8
    assert 0.05 < lit.mean() < 0.9
    assert not lit[[0, -1]].any() and not lit[:, [0, -1]].any()


def test_the_served_page_shows_the_same(relief: Gaussians, tab: Tab) -> None:
    with viewer_server(relief, "relief") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab.requests.clear()
        tab.open(f"{server.url}?noui", 256, 170)
        shot = tab.screenshot()
        server.shutdown()
        asked = [url for url in tab.requests if not url.startswith("blob:")]
        assert asked == [f"{server.url}?noui", f"{server.url}splat.sog"]
    assert psnr(shot, rendered(relief, 256, 170)) >= 28


@pytest.mark.parametrize("up", ["z", "-z", "y", "-y", "x"])
def test_the_up_axis_of_the_file_is_up_in_the_view(up: str, tmp_path: Path, tab: Tab) -> None:
    axis, sign = "xyz".index(up[-1]), -1 if up.startswith("-") else 1
    generator = torch.Generator().manual_seed(0)
    means = torch.rand(200, 3, generator=generator) - 0.5
    means[:, axis] = means[:, axis].sign() * sign
    red = means[:, axis] * sign > 0
    colors = torch.where(red[:, None], torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 0, 1]))
    splat = Gaussians(means, torch.full((200, 3), 0.03), torch.eye(4)[:1].expand(200, 4), torch.ones(200), colors)
    write_html(tmp_path / "up.html", replace(splat, up=up), "up")
    tab.open(f"{(tmp_path / 'up.html').as_uri()}?noui", 200, 200)
    shot = tab.screenshot().astype(float)
    red_row, blue_row = (np.average(np.arange(200), weights=shot[..., channel].sum(axis=1)) for channel in (0, 2))
    assert blue_row - red_row > 40
