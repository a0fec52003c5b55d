"""The task of ``sharp render`` for the frames of a video: one film of the moving scene."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from sharp_cli.batch.clip_record import RECORD, ClipRecord, film_order, read_record
from sharp_cli.batch.provenance import make_provenance
from sharp_cli.batch.render import RenderTask, Shot, film_settings
from sharp_cli.batch.task import Job, Work
from sharp_cli.cameras.views import Views
from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import read_splat
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.render.film import choose_views, open_encoders, render_into
from sharp_cli.render.rasterizer import Backend
from sharp_cli.render.settings import FilmSettings
from sharp_cli.runtime.timing import Stopwatch


class ClipFilmTask(RenderTask):
    """Frames of a video to one film, at the speed of the video and with its sound.

    Args:
        folder: of the frames, as ``sharp convert`` makes them.
    """

    noun = "clips"

    def __init__(self, folder: Path, film: FilmSettings, backend: Backend = "auto", *, overwrite: bool = False) -> None:
        super().__init__(film, backend, overwrite=overwrite)
        self.folder = folder.absolute()

    def job(self, out: Path | None) -> Job:
        """The film: at ``out``, or beside the folder."""
        name = f"{self.folder.name}{self.ending}"
        if out is not None and not out.suffix:
            out = out / name
        return Job(self.folder / RECORD, out or self.folder.with_name(name), key=self.folder.name)

    def check_source(self, source: Path) -> None:
        """Nothing: the source is the record of the clip."""

    def read(self, work: Work) -> Shot:
        """The first frame, and a camera for each frame of the film."""
        work.provenance = make_provenance(work.job.source, self._settings)
        with Stopwatch(work.result.seconds).stage("read"):
            count = self._paths.count(None)
            if count == len(self._paths):
                raise SharpError(f"cannot film {self.folder}: none of its frames is there (convert the clip)")
            notes = [f"{count} frames are missing; the ones before stand still"] if count else []
            first = read_splat(self._first)
            film = replace(self.film, frames=len(film_order(self._record.seconds)[1]), repeat=1)
            return Shot(first, choose_views(film, first), notes)

    def compute(self, work: Work, item: Shot) -> Callable[[], None]:
        """Render each frame's splat through its camera."""
        fps, order = film_order(self._record.seconds)
        film = replace(self.film, fps=fps)
        assert work.provenance is not None
        facts = {**item.gaussians.facts, **work.provenance.facts()}
        sound = None if self._record.sound is None else self.folder / self._record.sound
        views = item.views[0]
        with ExitStack() as stack, Stopwatch(work.result.seconds).stage("render", on_device=True):
            encoders = stack.enter_context(open_encoders(film, work.job.target, facts, sound))
            for index, gaussians in enumerate(self._splats(order, item.gaussians)):
                one = _at(views, min(index, len(views) - 1))
                for _ in render_into(encoders, film, gaussians, [one], self.backend):
                    pass
                work.progress(index + 1, len(order))
            complete = stack.pop_all().close
        work.result.note = "; ".join([f"{len(order)} frames, {film.fps:.2f} a second", *item.notes])
        return complete

    def _splats(self, order: list[int], first: Gaussians) -> Iterator[Gaussians]:
        """The splats of the film's frames; where one is missing, the one before."""
        standing = list(accumulate(self._paths, lambda before, path: path or before, initial=self._first))[1:]
        shown, gaussians = self._first, first
        for index in order:
            if standing[index] != shown:
                shown = standing[index]
                gaussians = read_splat(shown)
            yield gaussians

    @cached_property
    def _paths(self) -> list[Path | None]:
        """The frames' files; None for missing ones."""
        return [path if (path := self.folder / name).is_file() else None for name in self._record.frames]

    @property
    def _first(self) -> Path:
        """The first file that is there."""
        return next(path for path in self._paths if path)

    @cached_property
    def _record(self) -> ClipRecord:
        return read_record(self.folder / RECORD)

    @cached_property
    def _settings(self) -> str:
        """With a digest of which frames there are: a film of half of them is not that of all."""
        found = hashlib.sha256()
        for path in self._paths:
            stat = path.stat() if path else None
            found.update(f"{path and path.name} {stat and (stat.st_size, stat.st_mtime_ns)}\n".encode())
        return f"{film_settings(self.film)} frames_sha256={found.hexdigest()[:16]}"


def _at(views: Views, index: int) -> Views:
    """One of the views."""
    return replace(views, viewmats=views.viewmats[index : index + 1], Ks=views.Ks[index : index + 1])
