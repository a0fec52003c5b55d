"""Splat files to films, as the stages of a batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sharp_cli.batch.marks import DIGEST, check_place, check_result, is_free, make_marks
from sharp_cli.batch.pipeline import Done, Job, Outcome, Stages
from sharp_cli.cameras.camera_file import cameras_digest
from sharp_cli.cameras.transforms import write_transforms
from sharp_cli.cameras.views import Views
from sharp_cli.formats.ply import read_ply
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.render.encode import frame_name, read_facts
from sharp_cli.render.film import FilmSettings, choose_views, depth_target, shoot
from sharp_cli.render.rasterizer import Backend
from sharp_cli.runtime.files import sha256_of
from sharp_cli.runtime.timing import Stopwatch

FRAMES = "-frames"
"""Ending of a folder of frames, in the place of a file's."""


class Loaded(NamedTuple):
    """A splat to film, from where, and the marks of its film."""

    gaussians: Gaussians
    views: list[Views]
    marks: dict[str, str]


def ending_of(film: FilmSettings) -> str:
    """What a film's name ends in."""
    return FRAMES if film.format == "png" else f".{film.format}"


def film_marks(source: Path, film: FilmSettings) -> dict[str, str]:
    """The marks of a splat's film.

    Raises:
        SharpError: the splat or the film's cameras cannot be read.
    """
    settings = {key: "-" if value is None else str(value).replace(" ", "") for key, value in vars(film).items()}
    if film.cameras is not None:
        settings["cameras"] = cameras_digest(film.cameras)
    return make_marks(source, sha256_of(source).hexdigest(), settings)


def results_of(film: FilmSettings) -> Callable[[Path], list[Path]]:
    """All that a splat's film is written to."""
    return lambda target: [target, depth_target(target)] if film.depth else [target]


def is_film_free(film: FilmSettings) -> Callable[[Path, Path], bool]:
    """Whether a name can be given to a splat's film: no film of another splat stands there."""
    return lambda target, source: is_free(target, source, partial(read_facts, format=film.format))


def check_film(target: Path, film: FilmSettings, marks: Mapping[str, str]) -> None:
    """Look at what stands where a film, and its depth, are to go.

    Raises:
        Done: all of it is made already.
        SharpError: something is there that this tool has not made.
    """
    missing = False
    for path in results_of(film)(target):
        try:
            check_result(path, marks, partial(read_facts, format=film.format))
            missing = True
        except Done:
            continue
    if not missing:
        raise Done


def filming(
    film: FilmSettings,
    backend: Backend,
    shown: Callable[[Job, int, int], None],
    *,
    save_cameras: Path | None = None,
    overwrite: bool = False,
) -> Stages[Loaded, int]:
    """The stages that turn splats into films.

    Args:
        shown: told of every frame: the job, how many are finished, and how many there are to be.
        save_cameras: a transforms.json to write, for one splat, whether its film is done or not.
        overwrite: do again what is done, and replace files that this tool has not made.
    """

    def read(outcome: Outcome) -> Loaded:
        job, watch = outcome.job, Stopwatch(outcome.seconds)
        if film.format != "png":
            check_place(job.target)
        marks = film_marks(job.source, film)
        outcome.facts["sha256"] = marks[DIGEST]
        if not overwrite and save_cameras is None:
            check_film(job.target, film, marks)
        with watch.stage("read"):
            gaussians = read_ply(job.source)
            views = choose_views(film, gaussians)
        outcome.facts["gaussians"] = len(gaussians)
        if save_cameras is not None:
            write_transforms(save_cameras, views, _pictures(film, sum(map(len, views)), job.target, save_cameras))
            if not overwrite:
                check_film(job.target, film, marks)
        return Loaded(gaussians, views, marks)

    def compute(outcome: Outcome, loaded: Loaded) -> int:
        job, (gaussians, views, marks) = outcome.job, loaded
        facts = {**gaussians.facts, **marks}
        with Stopwatch(outcome.seconds).stage("render", on_device=True):
            shoot(film, gaussians, views, job.target, facts, backend=backend, shown=partial(shown, job))
        count, first = sum(map(len, views)), views[0]
        width = first.width * (1 if film.eye_distance is None else 2)
        outcome.facts |= {"frames": count, "width": width, "height": first.height, "fps": film.fps}
        outcome.note = f"{count} frames of {width} × {first.height}"
        if gaussians.camera is None and (film.eye_distance is not None or (film.depth and film.format == "png")):
            outcome.note += f"; one unit of the splat is taken as {film.scale:g} m"
        if film.depth:
            outcome.facts["depth"] = str(depth_target(job.target))
        return count

    return Stages(read, compute, lambda outcome, loaded, frames: None)


def _pictures(film: FilmSettings, count: int, target: Path, cameras: Path) -> list[str] | None:
    """The frames' files as a transforms.json names them, where every view is a file."""
    if film.format != "png" or film.eye_distance is not None:
        return None
    folder = Path(os.path.relpath(target, cameras.parent))
    return [(folder / frame_name(index)).as_posix() for index in range(count)]
