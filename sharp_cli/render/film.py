"""A splat filmed: cameras along a path, pictures, and the file or files they go to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from sharp_cli.cameras.camera_file import read_views
from sharp_cli.cameras.framing import depth_range, positive_depths, source_view
from sharp_cli.cameras.names import LookAt, Trajectory
from sharp_cli.cameras.trajectories import SAFE_MAX_DISPARITY, SAFE_MAX_ZOOM, trajectory
from sharp_cli.cameras.views import Size, Views
from sharp_cli.errors import SharpError
from sharp_cli.gaussians.axes import Up
from sharp_cli.gaussians.color import srgb_to_linear
from sharp_cli.gaussians.covariance import covariances
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.spherical_harmonics import view_colors
from sharp_cli.render.depth_colors import color_limits, to_depth_colors
from sharp_cli.render.encode import Encoder, Format, Frame, open_encoder
from sharp_cli.render.lenses import render_lens
from sharp_cli.render.pictures import side_by_side, to_depth16, to_rgba8, to_srgb8
from sharp_cli.render.rasterizer import Backend, Rendering, rasterize

NEAR = 0.01
"""Nearest depth drawn in scenes of metres (spec/network.md §10)."""

OTHERS_EPS2D = 0.3
"""Splats that were trained elsewhere expect this much blur [px²]; the predictor's expect none."""


@dataclass(frozen=True)
class FilmSettings:
    """What to film, and how."""

    trajectory: Trajectory = "orbit"
    frames: int = 60
    """Of one round."""
    repeat: int = 1
    fps: float = 30.0
    max_disparity: float = SAFE_MAX_DISPARITY
    max_zoom: float = SAFE_MAX_ZOOM
    look_at: LookAt = "point"
    size: Size | None = None
    """Long side, or (width, height) [px]; of one eye's picture. Default: the photo's, at most 1920 px long."""
    cameras: Path | None = None
    """A camera file or folder to use instead of a trajectory."""
    up: Up | None = None
    """The world axis that points up, for splats without a camera. Default: as the splat says, else −y."""
    scale: float = 1.0
    """Meters per unit of the splat, for depth and eye distance."""
    format: Format = "mp4"
    depth: bool = False
    """A second result with the depth: coloured, or for "png" 16 bits of millimetres."""
    alpha: bool = False
    """Transparent pictures, for "png" and "webp"."""
    eye_distance: float | None = None
    """Distance of two eyes [m]: two pictures side by side, the left eye's on the left."""
    background: tuple[int, int, int] = (0, 0, 0)
    """sRGB behind the splat, 0..255."""


def choose_views(film: FilmSettings, gaussians: Gaussians) -> list[Views]:
    """The cameras of a film, one item per run of frames of one picture size and lens.

    Raises:
        SharpError: a camera file that cannot be used, several picture sizes in one video, or settings out of range.
    """
    if film.cameras is not None:
        runs = read_views(film.cameras, film.size)
        sizes = {(run.width, run.height): None for run in runs}
        if len(sizes) > 1 and film.format != "png":
            listed = ", ".join(f"{width} × {height}" for width, height in sizes)
            raise SharpError(
                f"{film.cameras} has pictures of different sizes ({listed}), which one video cannot hold "
                "(write PNG frames, or give both sides of one size)"
            )
        return runs
    views = trajectory(
        film.trajectory,
        gaussians,
        frames=film.frames,
        repeat=film.repeat,
        max_disparity=film.max_disparity,
        max_zoom=film.max_zoom,
        look_at=film.look_at,
        size=film.size,
        up=film.up,
    )
    return [views]


def render_views(
    gaussians: Gaussians, views: Views, *, background: Tensor | None = None, backend: Backend = "auto"
) -> Iterator[Rendering]:
    """Render a splat through cameras, one after the other: C = 1 pictures each, in linear RGB.

    Harmonics are seen from each camera's own position. Splats without a camera are drawn with the blur that other tools
    train with, and scenes in units far larger than a metre are not cut off at a centimetre.

    Args:
        background: (3,) linear RGB, black by default.
        backend: as for :func:`~sharp_cli.render.rasterizer.rasterize`; "cuda" takes the splat there.

    Raises:
        SharpError: CUDA is asked for and cannot be had.
    """
    near = min(NEAR, 0.1 * depth_range(gaussians, source_view(gaussians)).near)
    if backend == "cuda":
        gaussians = _on_cuda(gaussians)
    covars = covariances(gaussians.scales, gaussians.quats)
    eps2d = OTHERS_EPS2D if gaussians.camera is None else 0.0
    for index, (viewmat, K) in enumerate(zip(views.viewmats, views.Ks, strict=True)):
        colors = view_colors(gaussians, -viewmat[:3, :3].T @ viewmat[:3, 3])

        def draw(
            viewmat: Tensor, K: Tensor, width: int, height: int, sharper: float = 1.0, colors: Tensor = colors
        ) -> Rendering:
            return rasterize(
                gaussians.means,
                gaussians.opacities,
                colors,
                viewmat[None],
                K[None],
                width,
                height,
                covars=covars,
                eps2d=eps2d * sharper**2,
                background=background,
                near=near,
                backend=backend,
            )

        if views.lens is None:
            yield draw(viewmat, K, views.width, views.height)
        else:
            yield render_lens(views, index, draw, background)


def eyes_of(views: Views, distance: float) -> tuple[Views, Views]:
    """The left and the right eye of each view: parallel cameras, ``distance`` [m] apart, the view in the middle."""
    left, right = views.viewmats.clone(), views.viewmats.clone()
    left[:, 0, 3] += distance / 2
    right[:, 0, 3] -= distance / 2
    return replace(views, viewmats=left), replace(views, viewmats=right)


def depth_target(target: Path) -> Path:
    """Where the depth of a film goes: beside the film."""
    return target.with_name(f"{target.stem}-depth{target.suffix}")


@torch.inference_mode()
def shoot(
    film: FilmSettings,
    gaussians: Gaussians,
    runs: Sequence[Views],
    target: Path,
    facts: Mapping[str, str],
    *,
    backend: Backend = "auto",
    shown: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Render a film into its file or folder, and its depth into :func:`depth_target`.

    Nothing is left of a film that did not come to its end.

    Args:
        runs: from :func:`choose_views`.
        facts: how it is made, kept in the result.
        shown: told the number of finished frames and of all, after each frame.

    Raises:
        SharpError: no CUDA where it is asked for, or a result that the format cannot hold.
        OSError: a result cannot be written.
    """
    background = srgb_to_linear(torch.tensor((0, 0, 0) if film.alpha else film.background) / 255)
    pictures = chain.from_iterable(_seen(film, gaussians, views, background, backend) for views in runs)
    limits = color_limits(torch.from_numpy(positive_depths(gaussians, runs[0].viewmats[0].double())))

    def color_frame(picture: Rendering) -> Frame:
        return to_rgba8(picture.color[0], picture.alpha[0]) if film.alpha else to_srgb8(picture.color[0])

    def depth_frame(picture: Rendering) -> Frame:
        if film.format == "png":
            return to_depth16(picture.depth[0] * film.scale, picture.alpha[0])
        return to_depth_colors(picture.depth[0], picture.alpha[0], limits)

    with ExitStack() as stack:

        def encoder(path: Path) -> Encoder:
            return stack.enter_context(open_encoder(path, film.format, fps=film.fps, facts=facts))

        results = [(encoder(target), color_frame)]
        if film.depth:
            results.append((encoder(depth_target(target)), depth_frame))
        for done, seen in enumerate(pictures, start=1):
            for result, to_frame in results:
                frames = [to_frame(picture) for picture in seen]
                result.add(frames[0] if len(frames) == 1 else side_by_side(*frames))
            shown(done, sum(map(len, runs)))


def _seen(
    film: FilmSettings, gaussians: Gaussians, views: Views, background: Tensor, backend: Backend
) -> Iterator[tuple[Rendering, ...]]:
    """The pictures of each view: one, or one for each eye."""
    eyes = [views] if film.eye_distance is None else eyes_of(views, film.eye_distance / film.scale)
    return zip(*(render_views(gaussians, eye, background=background, backend=backend) for eye in eyes), strict=True)


def _on_cuda(gaussians: Gaussians) -> Gaussians:
    tensors = ("means", "scales", "quats", "opacities", "colors", "sh")
    moved = {name: tensor.cuda() for name in tensors if (tensor := getattr(gaussians, name)) is not None}
    return replace(gaussians, **moved)
