"""The task of ``sharp render``: splats to films."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from sharp_cli.batch.provenance import check_place, is_done, is_free, make_provenance, settings_text
from sharp_cli.batch.splats import SPLAT_SUFFIXES, is_export
from sharp_cli.batch.task import Job, Work
from sharp_cli.cameras.camera_file import cameras_digest
from sharp_cli.cameras.transforms import write_transforms
from sharp_cli.cameras.views import Views
from sharp_cli.formats.registry import read_splat, reader_of
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.render.encode import frame_name
from sharp_cli.render.film import choose_views, depth_target, open_film
from sharp_cli.render.rasterizer import Backend
from sharp_cli.render.settings import FilmSettings
from sharp_cli.runtime.timing import Stopwatch

FRAMES = "-frames"
"""What a folder of frames ends in, instead of a suffix."""


class Shot(NamedTuple):
    """A splat, and the cameras that film it."""

    gaussians: Gaussians
    views: list[Views]
    notes: list[str]
    """What was odd about the splat."""


class RenderTask:
    """Splats to videos or folders of frames.

    Args:
        film: what to render.
        backend: the rasterizer.
        save_cameras: a transforms.json to write. For a single splat, even if its film is done.
        overwrite: make again what is done, and replace files that sharp has not made.
    """

    noun, doing = "splats", "rendering"
    suffixes = SPLAT_SUFFIXES

    def __init__(
        self,
        film: FilmSettings,
        backend: Backend = "auto",
        *,
        save_cameras: Path | None = None,
        overwrite: bool = False,
    ) -> None:
        self.film, self.backend, self.save_cameras, self.overwrite = film, backend, save_cameras, overwrite
        self.ending = FRAMES if film.format == "png" else f".{film.format}"
        self.setup_seconds: dict[str, float] = {}

    def outputs(self, target: Path) -> list[Path]:
        """The film and its depth."""
        return [target, depth_target(target)] if self.film.depth else [target]

    def is_result(self, path: Path) -> bool:
        """Whether a splat is an export of one beside it, which is rendered already."""
        return is_export(path)

    def is_free(self, target: Path, source: Path) -> bool:
        """Whether no film of another splat is there."""
        return all(is_free(path, source) for path in self.outputs(target))

    def check_source(self, source: Path) -> None:
        """Refuse, before anything is read, what cannot be a splat.

        Raises:
            SharpError: it is named like something else.
        """
        reader_of(source)

    def status(self, job: Job) -> tuple[Path, ...]:
        """The film and its depth, or neither; and the cameras' file."""
        self.check_source(job.source)
        if self.film.format != "png":
            check_place(job.target)
        extra = () if self.save_cameras is None else (self.save_cameras,)
        outputs = self.outputs(job.target)
        if self.overwrite:
            return (*outputs, *extra)
        # Every output is checked, so that another tool's file in place of the second is noticed in time.
        done = [is_done(path, job.source, self._settings) for path in outputs]
        return extra if all(done) else (*outputs, *extra)

    def read(self, work: Work) -> Shot:
        """The splat and the cameras."""
        work.provenance = make_provenance(work.job.source, self._settings)
        work.result.facts["sha256"] = work.provenance.source_sha256
        with Stopwatch(work.result.seconds).stage("read"):
            notes: list[str] = []
            gaussians = read_splat(work.job.source, warn=notes.append)
            views = choose_views(self.film, gaussians)
        work.result.facts["gaussians"] = len(gaussians)
        in_meters = self.film.eye_distance is not None or (self.film.depth and self.film.format == "png")
        if gaussians.camera is None and in_meters:
            notes.append(f"one unit of the splat is taken as {self.film.scale:g} m")
        return Shot(gaussians, views, notes)

    def compute(self, work: Work, item: Shot) -> Callable[[], None]:
        """Render every frame. Encoding, which runs alongside, is completed by :meth:`write`."""
        target, (gaussians, views, notes) = work.job.target, item
        if target not in work.missing:
            return lambda: None
        assert work.provenance is not None
        facts = {**gaussians.facts, **work.provenance.facts()}
        watch, count = Stopwatch(work.result.seconds), sum(map(len, views))
        with ExitStack() as stack, watch.stage("render", on_device=True):
            frames = stack.enter_context(open_film(self.film, gaussians, views, target, facts, backend=self.backend))
            for done in frames:
                work.progress(done, count)
            complete = stack.pop_all().close
        width, height = views[0].width * (1 if self.film.eye_distance is None else 2), views[0].height
        work.result.facts |= {"frames": count, "width": width, "height": height, "fps": self.film.fps}
        work.result.note = "; ".join([f"{count} frames of {width} × {height}", *notes])
        if self.film.depth:
            work.result.facts["depth"] = str(depth_target(target))
        return complete

    def write(self, work: Work, item: Shot, output: Callable[[], None]) -> None:
        """Complete the film's files, and write the cameras'."""
        with Stopwatch(work.result.seconds).stage("write"):
            output()
            if self.save_cameras is not None:
                frames = self._frame_files(sum(map(len, item.views)), work.job.target, self.save_cameras)
                write_transforms(self.save_cameras, item.views, frames)

    @property
    def fingerprint(self) -> str:
        """All settings that decide the results."""
        return self._settings

    @cached_property
    def _settings(self) -> str:
        return film_settings(self.film)

    def _frame_files(self, count: int, target: Path, cameras: Path) -> list[str] | None:
        """The frames' files as a transforms.json names them, if every view is a file."""
        if self.film.format != "png" or self.film.eye_distance is not None:
            return None
        folder = Path(os.path.relpath(target, cameras.parent))
        return [(folder / frame_name(index)).as_posix() for index in range(count)]


def film_settings(film: FilmSettings) -> str:
    """A film's settings as films record them.

    Raises:
        SharpError: the file of cameras cannot be read.
    """
    settings = {key: "-" if value is None else str(value).replace(" ", "") for key, value in vars(film).items()}
    if film.cameras is not None:
        settings["cameras"] = cameras_digest(film.cameras)
    return settings_text(settings)
