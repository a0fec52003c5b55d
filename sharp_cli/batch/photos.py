"""Photos to splat files, as the stages of a batch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from sharp_cli.batch.marks import check_done, made_from, make_marks
from sharp_cli.batch.pipeline import Done, Job, Outcome, Stages
from sharp_cli.errors import SharpError
from sharp_cli.files import sha256_of
from sharp_cli.formats.ply_header import read_facts
from sharp_cli.timing import Stopwatch

if TYPE_CHECKING:
    from sharp_cli.formats.ply import PlyLayout
    from sharp_cli.gaussians.gaussians import Gaussians
    from sharp_cli.photo import FocalOverride, Photo
    from sharp_cli.predictor import Predictor
    from sharp_cli.render.film import Film


@dataclass(frozen=True)
class Recipe:
    """All that decides which splat a photo becomes, besides the weights."""

    precision: str = "auto"
    focal: FocalOverride | None = None
    """None: from EXIF, else 30 mm equivalent."""
    background: tuple[int, int, int] = (255, 255, 255)
    """sRGB, 0..255; what shows through transparent photos."""
    ply_layout: PlyLayout = "standard"

    def settings(self, weights_sha256: str) -> dict[str, object]:
        """As they are written into a splat."""
        focal = vars(self.focal).items() if self.focal else ()
        return {
            "weights": weights_sha256,
            "precision": self.precision,
            "focal": "".join(f"{value!r}{unit}" for unit, value in focal if value is not None) or "auto",
            "background": "#{:02x}{:02x}{:02x}".format(*self.background),
            "layout": self.ply_layout,
        }


class Prepared(NamedTuple):
    """A photo ready for the network, or its splat where only the film is missing; and the marks of its splat."""

    photo: Photo | None
    splat: Gaussians | None
    marks: dict[str, str]


def is_free(target: Path, source: Path) -> bool:
    """Whether a name can be given to a photo's splat: no splat of another photo stands there."""
    try:
        return made_from(read_facts(target), source)
    except SharpError:  # no file, or half of one
        return True


def check_splat(job: Job, marks: dict[str, str]) -> None:
    """Look at what stands where a splat is to go; an incomplete file counts as none.

    Raises:
        Done: it has these marks.
        SharpError: a file of another tool is there.
    """
    try:
        facts = read_facts(job.target)
    except SharpError:
        return
    if marks:
        check_done(job.target, facts, marks)


def marks_of(photo: Path, recipe: Recipe, weights_sha256: str) -> dict[str, str]:
    """What a photo's splat says of its own making; nothing for what is no file, which reading will refuse.

    Raises:
        SharpError: the photo cannot be read.
    """
    if not photo.is_file():
        return {}
    return make_marks(photo, sha256_of(photo).hexdigest(), recipe.settings(weights_sha256))


def film_target(target: Path, film: Film) -> Path:
    """Where the film of a splat goes that is made along with it."""
    from sharp_cli.batch.splats import ending_of

    return target.with_name(target.stem + ending_of(film))


def converting(
    recipe: Recipe,
    weights_sha256: Future[str],
    load: Callable[[], Predictor],
    *,
    film: Film | None = None,
    overwrite: bool = False,
) -> Stages[Prepared, Callable[[], Gaussians]]:
    """The stages that turn photos into splats.

    Args:
        weights_sha256: which weights ``load`` gives; may still be under way.
        load: gives the predictor; called for every photo that is not done, so it should remember it.
        film: what to film of every splat, into :func:`film_target`.
        overwrite: do again what is done, and replace files that this tool has not made.
    """

    def read(outcome: Outcome) -> Prepared:
        from sharp_cli.photo import read_photo

        job, watch = outcome.job, Stopwatch(outcome.seconds)
        marks = marks_of(job.source, recipe, weights_sha256.result())
        if not overwrite:
            try:
                check_splat(job, marks)
            except Done:
                return Prepared(None, _unfilmed(job.target, film), marks)
        with watch.stage("decode"):
            photo = read_photo(job.source, focal=recipe.focal, background=recipe.background)
        outcome.facts |= {
            "width": photo.width,
            "height": photo.height,
            "focal_px": round(photo.focal_px, 3),
            "focal_from": photo.focal_source,
        }
        outcome.note = f"focal length {photo.focal_px:.0f} px: {photo.focal_source}"
        if photo.notes:
            outcome.facts["notes"] = list(photo.notes)
            outcome.note = "; ".join((outcome.note, *photo.notes))
        return Prepared(photo, None, marks)

    def compute(outcome: Outcome, prepared: Prepared) -> Callable[[], Gaussians]:
        if (splat := prepared.splat) is not None:
            return lambda: splat
        photo = cast("Photo", prepared.photo)
        predictor, watch = load(), Stopwatch(outcome.seconds)
        with watch.stage("network", on_device=True):
            ndc = predictor.run_network([photo])

        def decompose() -> Gaussians:
            with watch.stage("decompose", on_device=True):
                (gaussians,) = predictor.to_camera_space(ndc, [photo])
            return replace(gaussians, facts={**gaussians.facts, **prepared.marks})

        if predictor.device.type == "cpu":
            return decompose  # in the writing thread: the network does not keep all cores busy all the time
        gaussians = decompose()
        return lambda: gaussians

    def write(outcome: Outcome, prepared: Prepared, decomposed: Callable[[], Gaussians]) -> None:
        from sharp_cli.formats.ply import write_ply

        target, gaussians = outcome.job.target, decomposed()
        watch = Stopwatch(outcome.seconds)
        if prepared.splat is None:
            with watch.stage("write"):
                write_ply(target, gaussians, recipe.ply_layout)
        outcome.facts |= {"gaussians": len(gaussians), "bytes": target.stat().st_size}
        if film is not None:
            with watch.stage("render", on_device=True):
                outcome.facts["film"] = str(_film(target, gaussians, film))

    return Stages(read, compute, write)


def _unfilmed(target: Path, film: Film | None) -> Gaussians:
    """A splat that is done but for its film.

    Raises:
        Done: the film is done too, or none is wanted.
    """
    if film is None:
        raise Done
    from sharp_cli.batch.splats import check_film, film_marks
    from sharp_cli.formats.ply import read_ply

    check_film(film_target(target, film), film, film_marks(target, film))
    return read_ply(target)


def _film(target: Path, gaussians: Gaussians, film: Film) -> Path:
    """Film a splat that is now at ``target``."""
    from sharp_cli.batch.splats import film_marks
    from sharp_cli.render.film import choose_views, shoot

    facts = {**gaussians.facts, **film_marks(target, film)}
    path = film_target(target, film)
    shoot(film, gaussians, choose_views(film, gaussians), path, facts)
    return path
