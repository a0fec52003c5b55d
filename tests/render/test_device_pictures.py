"""Pixels made on a GPU: the codes of the CPU's, and planes as the video encoder would have made them."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import av
import numpy as np
import pytest
import torch
from fake_devices import FakeEvents
from torch._subclasses.fake_tensor import FakeTensorMode

from sharp_cli import Camera, Gaussians
from sharp_cli.cameras.views import Views
from sharp_cli.gaussians.gaussians import Blending
from sharp_cli.render import film as module
from sharp_cli.render.depth_colors import ColorLimits, to_depth_colors
from sharp_cli.render.device_pictures import depth16, depth_colors8, planes, rgba8, srgb8, start_frame
from sharp_cli.render.encode import open_encoder
from sharp_cli.render.pictures import TABLES, to_depth16, to_rgba8, to_srgb8
from sharp_cli.render.rasterizer import Rendering
from sharp_cli.render.settings import FilmSettings

LIMITS = ColorLimits(1.0, 4.0)


@pytest.mark.parametrize("blending", get_args(Blending))
def test_codes_are_the_cpus(blending: Blending) -> None:
    edges = torch.from_numpy(TABLES[blending][1][:-1])
    below = torch.nextafter(edges, torch.tensor(-1.0))
    odd = torch.tensor([math.nan, math.inf, -math.inf, -1.0, 0.0, 1.0, 0.9999999, 7.0])
    values = torch.cat([edges, below, odd, torch.linspace(-0.1, 1.1, 100_003)])
    values = values[: len(values) // 3 * 3].reshape(1, -1, 3)
    assert (srgb8(values, blending).numpy() == to_srgb8(values, blending)).all()


def test_alpha_and_depth_are_the_cpus() -> None:
    generator = torch.Generator().manual_seed(5)
    alpha = torch.rand(60, 80, generator=generator)
    alpha[0, :4] = torch.tensor([0.0, 1.0, 1.9e-3, 2e-3])
    color = torch.rand(60, 80, 3, generator=generator) * alpha[..., None]
    assert (rgba8(color, alpha, "linear").numpy() == to_rgba8(color, alpha)).all()
    depth = torch.rand(60, 80, generator=generator) * 80
    depth[0, :4] = torch.tensor([0.0, 0.0001, 65.534, 70.0])
    assert (start_frame([depth16(depth, alpha)], False)() == to_depth16(depth, alpha)).all()
    assert (depth_colors8(depth, alpha, LIMITS).numpy() == to_depth_colors(depth, alpha, LIMITS)).all()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (62, 50), (33, 41)])
def test_planes_are_those_of_the_encoders_converter(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(1, 3, 8, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    codes = (smooth[0].permute(1, 2, 0) * 255).to(torch.uint8).contiguous()
    even = np.pad(codes.numpy(), ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    expected = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", interpolation="AREA"
    )
    difference = planes(codes).numpy().astype(int) - expected.to_ndarray().astype(int)
    assert np.abs(difference).max() <= 2 and np.abs(difference).mean() < 0.6


def test_extreme_colors_have_the_codes_of_the_standard() -> None:
    corners = {(0, 0, 0): (16, 128, 128), (255, 255, 255): (235, 128, 128), (255, 0, 0): (63, 102, 240)}
    for color, (luma, blue, red) in corners.items():
        found = planes(torch.tensor(color, dtype=torch.uint8).expand(2, 2, 3)).flatten().tolist()
        assert found == [luma] * 4 + [blue, red]


def test_a_video_of_planes_has_the_pictures_of_one_of_pixels(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    picture = np.stack(np.broadcast_arrays(ramp, ramp[:, None], np.uint8(90)), axis=2)[:38]
    decoded = []
    for name, frame in (("pixels", picture), ("planes", planes(torch.from_numpy(picture.copy())).numpy())):
        with open_encoder(tmp_path / f"{name}.mp4", "mp4", fps=25, facts={}) as encoder:
            encoder.add(frame)
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            decoded.append(next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int))
    assert decoded[0].shape == decoded[1].shape == (38, 64, 3)
    assert np.abs(decoded[0] - decoded[1]).mean() < 1.5


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"format": "mp4"}, (9, 8)),
        ({"format": "mp4", "eye_distance": 0.1}, (9, 16)),
        ({"format": "webp", "alpha": True}, (6, 8, 4)),
        ({"format": "png", "depth": True}, (6, 8, 3)),
    ],
)
def test_frames_leave_a_gpu_while_the_next_one_renders(
    options: dict[str, object], shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    events, log = FakeEvents(monkeypatch), []
    one = torch.ones(5, 3)
    gaussians = Gaussians(one, one, torch.ones(5, 4), one[:, 0], one, Camera(8, 6, 5.0))
    views = Views(torch.eye(4).expand(3, 4, 4), torch.eye(3).expand(3, 3, 3), 8, 6)

    def render(gaussians: Gaussians, views: Views, **_: object) -> object:
        for number in range(len(views)):
            log.append(f"render {number}")
            images = (torch.empty(1, 6, 8, *more, device="cuda") for more in ((3,), (), ()))
            yield Rendering(*images)

    def add(frame: np.ndarray) -> None:
        log.append("add")
        assert frame.shape in (shape, (6, 8))

    monkeypatch.setattr(module, "render_views", render)
    monkeypatch.setattr(module, "choose_backend", lambda backend: "cuda")
    settings = FilmSettings(**options)  # type: ignore[arg-type]
    encoders = [SimpleNamespace(add=add)] * (2 if settings.depth else 1)
    monkeypatch.setattr("torch.Tensor.numpy", lambda tensor: np.empty(tensor.shape, np.uint8))
    monkeypatch.setattr(module, "eyes_of", lambda views, distance: (views, views))  # checks values
    monkeypatch.setattr(module, "color_limits", lambda depths: LIMITS)
    monkeypatch.setattr(module, "positive_depths", lambda *_: np.ones(2, np.float32))
    with FakeTensorMode(allow_non_fake_inputs=True):
        done = list(module.render_into(encoders, settings, gaussians, [views], "auto"))  # type: ignore[arg-type]
    assert done == [1, 2, 3]
    first = log.index("add")
    eyes = 1 if settings.eye_distance is None else 2
    assert log[:first].count("render 1") == eyes and "render 2" not in log[:first]
    assert set(events.recorded) == {"cuda"} and events.waited == len(events.recorded) == 3 * len(encoders)
