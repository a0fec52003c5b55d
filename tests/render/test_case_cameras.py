"""Camera files of tests/data/cases: each dot of a small splat is rendered where the file's numbers put it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sharp_cli import read_ply
from sharp_cli.cameras.camera_file import read_views
from sharp_cli.render.views import render_views

Frame = dict[str, Any]


@pytest.fixture
def cases(data: Path) -> Path:
    return data / "cases" / "splats"


def expected_pixels(points: np.ndarray, frame: Frame) -> np.ndarray:
    """Pinhole projection of (N, 3) points by a nerfstudio frame, whose camera looks along its −z with y up."""
    camera_to_world = np.array(frame["transform_matrix"], np.float64)
    local = (points - camera_to_world[:3, 3]) @ camera_to_world[:3, :3]
    width, height = frame["w"], frame["h"]
    if "fl_x" in frame:
        fx = frame["fl_x"]
        fy = frame.get("fl_y", fx)
    else:
        fx = width / 2 / math.tan(frame["camera_angle_x"] / 2)
        fy = height / 2 / math.tan(frame["camera_angle_y"] / 2) if "camera_angle_y" in frame else fx
    cx, cy = frame.get("cx", width / 2), frame.get("cy", height / 2)
    return np.stack([cx + fx * local[:, 0] / -local[:, 2], cy - fy * local[:, 1] / -local[:, 2]], axis=1)


def center_near(picture: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The weighted center of what shines within 6 px, as (x, y) with pixel centers at half integers."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    weights = picture * (np.hypot(x - at[0], y - at[1]) < 6)
    assert weights.sum() > 0.3, f"nothing at {at}"
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


@pytest.mark.parametrize(
    "name",
    ["cam_identity", "cam_angle", "cam_angle_xy", "cam_back2", "cam_offcentre", "cam_portrait", "cam_odd", "cam_odd_h",
     "cam_two_sizes", "portrait_perframe"],
)  # fmt: skip
def test_dots_lie_where_the_file_projects_them(cases: Path, name: str) -> None:
    splat = read_ply(cases / "dots.ply")
    if name == "portrait_perframe":  # its cameras stand around the origin
        splat = replace(splat, means=torch.tensor([[0.0, 0, 0], [0.4, 0.3, 0.2], [-0.5, 0.6, -0.2], [0.3, -0.7, 0]]))
    splat = replace(splat, scales=splat.scales * 3)  # wider than a pixel, so that their centers can be measured
    points = splat.means.double().numpy()
    content = json.loads((cases / f"{name}.json").read_text())
    frames = [{**content, **frame} for frame in content["frames"]]
    pictures = [
        rendering.alpha[0].numpy()
        for views in read_views(cases / f"{name}.json")
        for rendering in render_views(splat, views, backend="cpu")
    ]
    assert [picture.shape[::-1] for picture in pictures] == [(frame["w"], frame["h"]) for frame in frames]
    checked = 0
    for picture, frame in zip(pictures, frames, strict=True):
        pixels = expected_pixels(points, frame)
        depths = -((points - np.array(frame["transform_matrix"])[:3, 3]) @ np.array(frame["transform_matrix"])[:3, 2])
        inside = (depths > 0.1) & (pixels > 8).all(axis=1) & (pixels < [frame["w"] - 8, frame["h"] - 8]).all(axis=1)
        apart = np.linalg.norm(pixels[:, None] - pixels, axis=2) + 100 * np.eye(len(pixels))
        for pixel in pixels[inside & (apart.min(axis=1) > 13)]:
            np.testing.assert_allclose(center_near(picture, pixel), pixel, atol=0.06)
            checked += 1
    assert checked >= 3


def test_a_path_of_inria_and_of_nerfstudios_viewer_show_the_same(cases: Path) -> None:
    splat = read_ply(cases / "dots.ply")
    shown = []
    for name in ("cam_identity", "cam_inria_cameras", "cam_camera_path"):
        (views,) = read_views(cases / f"{name}.json")
        (rendering,) = render_views(splat, views, backend="cpu")
        shown.append(rendering.alpha)
    torch.testing.assert_close(shown[1], shown[0])
    assert (shown[2] - shown[0]).abs().mean() < 1e-4  # its angle has few digits
