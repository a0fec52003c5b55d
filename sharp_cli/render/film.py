"""A film of a splat: cameras along a path, rendered frames, and the file or folder they go to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from sharp_cli.cameras.camera_file import read_views
from sharp_cli.cameras.framing import positive_depths
from sharp_cli.cameras.trajectories import trajectory
from sharp_cli.cameras.views import Views
from sharp_cli.errors import SharpError
from sharp_cli.gaussians.color import srgb_to_linear
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.render.backends.choose import choose_backend
from sharp_cli.render.depth_colors import color_limits, to_depth_colors
from sharp_cli.render.device_pictures import depth16, depth_colors8, rgba8, srgb8, start_frame
from sharp_cli.render.encode import Encoder, Frame, open_encoder
from sharp_cli.render.film_path import FilmPath
from sharp_cli.render.pictures import to_depth16, to_rgba8, to_srgb8
from sharp_cli.render.rasterizer import Backend, Rendering
from sharp_cli.render.settings import FilmSettings
from sharp_cli.render.views import render_views
from sharp_cli.runtime.files import user_path

Item = TypeVar("Item")


def choose_views(film: FilmSettings, gaussians: Gaussians) -> list[Views]:
    """The cameras of a film, one item per run of frames of one image size and lens.

    Raises:
        SharpError: a camera file that cannot be used, several image sizes in one video, or settings out of range.
    """
    if film.cameras is not None:
        runs = read_views(film.cameras, film.size)
        sizes = {(run.width, run.height): None for run in runs}
        if len(sizes) > 1 and film.format != "png":
            listed = ", ".join(f"{width} × {height}" for width, height in sizes)
            raise SharpError(
                f"cannot use {film.cameras} for a video: its cameras have different image sizes, {listed} "
                "(write PNG frames, or give width and height of one size)"
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


def eyes_of(views: Views, distance: float) -> tuple[Views, Views]:
    """The left and the right eye of each view: parallel cameras, ``distance`` [m] apart, the view in the middle."""
    left, right = views.viewmats.clone(), views.viewmats.clone()
    left[:, 0, 3] += distance / 2
    right[:, 0, 3] -= distance / 2
    return replace(views, viewmats=left), replace(views, viewmats=right)


def depth_target(target: Path) -> Path:
    """Where the depth of a film goes: beside the film."""
    return target.with_name(f"{target.stem}-depth{target.suffix}")


def render_film(
    gaussians: Gaussians, path: str | PathLike[str], *, backend: Backend = "auto", **settings: Any
) -> FilmPath:
    """Render a splat into a video, or into a folder of PNG frames.

    Args:
        path: a .mp4, .gif or .webp file; any other name is a folder for frames.
        backend: as for :func:`~sharp_cli.render.views.render_views`.
        settings: fields of :class:`FilmSettings`, such as ``trajectory="swipe"`` or ``frames=90``.

    Returns:
        The path; its ``show()`` is the film inside a notebook.

    Raises:
        SharpError: settings out of range, or something that is not a folder of frames is in the way.
        OSError: a file cannot be written.
        TypeError: a setting that does not exist.
    """
    target = FilmPath(user_path(path))
    suffix = target.suffix.lower()[1:]
    film = FilmSettings(format=suffix if suffix in ("mp4", "gif", "webp") else "png", **settings)
    shoot(film, gaussians, choose_views(film, gaussians), target, gaussians.facts, backend=backend)
    return target


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

    Args and errors: see :func:`open_film`.

    Args:
        shown: called after each frame with the number of finished frames and of all.
    """
    with open_film(film, gaussians, runs, target, facts, backend=backend) as frames:
        for done in frames:
            shown(done, sum(map(len, runs)))


@contextmanager
def open_film(
    film: FilmSettings,
    gaussians: Gaussians,
    runs: Sequence[Views],
    target: Path,
    facts: Mapping[str, str],
    *,
    backend: Backend = "auto",
) -> Iterator[Iterator[int]]:
    """Render a film step by step: the ``with`` block gets an iterator that renders a frame at each step.

    The iterator yields the number of finished frames. Use it up: the end of the block completes the film and its depth
    and gives them their names. If the block raises, nothing is left of them.

    Args:
        runs: from :func:`choose_views`.
        facts: how the film is made, stored in the result.
        backend: as for :func:`~sharp_cli.render.views.render_views`.

    Raises:
        SharpError: the backend does not run here, or the format cannot hold the film.
        OSError: a file cannot be written.
    """
    with open_encoders(film, target, facts) as encoders:
        yield render_into(encoders, film, gaussians, runs, backend)


@contextmanager
def open_encoders(
    film: FilmSettings, target: Path, facts: Mapping[str, str], sound: Path | None = None
) -> Iterator[list[Encoder]]:
    """The film's encoder and, if it has one, that of its depth: the end of the ``with`` block completes both.

    Args:
        sound: of the film, as for :func:`~sharp_cli.render.encode.open_encoder`.

    Errors: as for :func:`open_film`.
    """
    with ExitStack() as stack:
        outputs = [(target, sound), *([(depth_target(target), None)] if film.depth else [])]
        rules: Any = {"fps": film.fps, "facts": facts}
        yield [stack.enter_context(open_encoder(path, film.format, sound=heard, **rules)) for path, heard in outputs]


@torch.inference_mode()
def render_into(
    encoders: Sequence[Encoder], film: FilmSettings, gaussians: Gaussians, runs: Sequence[Views], backend: Backend
) -> Iterator[int]:
    """Render into the encoders of :func:`open_encoders`; yields the number of finished frames after each."""
    background = srgb_to_linear(torch.tensor((0, 0, 0) if film.alpha else film.background) / 255)
    limits = color_limits(torch.from_numpy(positive_depths(gaussians, runs[0].viewmats[0].double())))

    def seen_through(views: Views) -> Iterator[tuple[Rendering, ...]]:
        eyes = [views] if film.eye_distance is None else eyes_of(views, film.eye_distance / film.scale)
        return zip(*(render_views(gaussians, eye, background=background, backend=backend) for eye in eyes), strict=True)

    def color_picture(rendering: Rendering) -> Frame | Tensor:
        color, alpha = rendering.color[0], rendering.alpha[0]
        if color.is_cuda:
            return rgba8(color, alpha, gaussians.blending) if film.alpha else srgb8(color, gaussians.blending)
        return to_rgba8(color, alpha, gaussians.blending) if film.alpha else to_srgb8(color, gaussians.blending)

    def depth_picture(rendering: Rendering) -> Frame | Tensor:
        depth, alpha = rendering.depth[0], rendering.alpha[0]
        if depth.is_cuda:
            return depth16(depth * film.scale, alpha) if film.format == "png" else depth_colors8(depth, alpha, limits)
        return to_depth16(depth * film.scale, alpha) if film.format == "png" else to_depth_colors(depth, alpha, limits)

    def started() -> Iterator[list[Callable[[], Frame]]]:
        for seen in chain.from_iterable(map(seen_through, runs)):
            makers = (color_picture, depth_picture)[: len(encoders)]
            yield [start_frame([make(eye) for eye in seen], film.format == "mp4") for make in makers]

    steps = one_ahead(started()) if choose_backend(backend) == "cuda" else started()
    for done, frames in enumerate(steps, start=1):
        for encoder, frame in zip(encoders, frames, strict=True):
            encoder.add(frame())
        yield done


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each given out once the next one has been made: a GPU then never waits for the processor."""
    before = next(items, None)
    for item in items:
        assert before is not None
        yield before
        before = item
    if before is not None:
        yield before
