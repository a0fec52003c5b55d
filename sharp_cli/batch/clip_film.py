"""The task of ``sharp render`` for the frames of a video: one film of the moving scene."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from sharp_cli.batch.clip import RECORD
from sharp_cli.batch.provenance import make_provenance
from sharp_cli.batch.render import RenderTask, Shot
from sharp_cli.batch.task import Job, Work
from sharp_cli.cameras.views import Views
from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import read_splat
from sharp_cli.render.film import choose_views, open_encoders, render_into
from sharp_cli.runtime.files import holds
from sharp_cli.runtime.timing import Stopwatch


def is_clip(folder: Path) -> bool:
    """Whether a folder holds the frames of a video, as ``sharp convert`` makes them."""
    return holds((folder / RECORD).is_file)


def clip_job(folder: Path, out: Path | None, ending: str) -> Job:
    """The film of a folder of frames: at ``out``, or beside the folder."""
    folder = folder.absolute()
    if out is not None and not out.suffix:
        out = out / f"{folder.name}{ending}"
    return Job(folder / RECORD, out or folder.with_name(f"{folder.name}{ending}"))


class ClipFilmTask(RenderTask):
    """Frames of a video to one film, at the speed of the video."""

    noun = "clips"

    def read(self, work: Work) -> Shot:
        """The first frame, and a camera for each frame."""
        work.provenance = make_provenance(work.job.source, self._settings)
        names = _record(work.job.source)["frames"]
        with Stopwatch(work.result.seconds).stage("read"):
            paths = [work.job.source.parent / name for name in names]
            missing = sum(not path.is_file() for path in paths)
            if missing == len(paths):
                raise SharpError(
                    f"cannot film {work.job.source.parent}: none of its frames is there (convert the clip)"
                )
            notes = [f"{missing} frames are missing and were passed over"] if missing else []
            first = read_splat(next(path for path in paths if path.is_file()))
            film = replace(self.film, frames=len(paths), repeat=1)
            return Shot(first, choose_views(film, first), notes)

    def compute(self, work: Work, item: Shot) -> Callable[[], None]:
        """Render each frame's splat through its camera."""
        record = _record(work.job.source)
        film, names = replace(self.film, fps=record["fps"]), record["frames"]
        assert work.provenance is not None
        facts = {**item.gaussians.facts, **work.provenance.facts()}
        views = item.views[0]
        with ExitStack() as stack, Stopwatch(work.result.seconds).stage("render", on_device=True):
            encoders = stack.enter_context(open_encoders(film, work.job.target, facts))
            for index, name in enumerate(names):
                path = work.job.source.parent / name
                if path.is_file():
                    one = _at(views, min(index, len(views) - 1))
                    for _ in render_into(encoders, film, read_splat(path), [one], self.backend):
                        pass
                work.progress(index + 1, len(names))
            complete = stack.pop_all().close
        work.result.note = "; ".join([f"{len(names)} frames, {film.fps:.2f} a second", *item.notes])
        return complete


def _at(views: Views, index: int) -> Views:
    """One of the views."""
    return replace(views, viewmats=views.viewmats[index : index + 1], Ks=views.Ks[index : index + 1])


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {"fps": float(record["fps"]), "frames": [Path(str(name)).name for name in record["frames"]]}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SharpError(f"cannot read {path}: not the record of a clip ({error})") from error
