"""Photos to splat files, as the stages of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from sharp_cli.batch.marks import check_place, check_result, is_free, make_marks
from sharp_cli.batch.pipeline import Done, Job, Outcome, Stages
from sharp_cli.errors import SharpError
from sharp_cli.formats.ply_header import read_facts
from sharp_cli.runtime.files import holds, sha256_of
from sharp_cli.runtime.timing import Stopwatch

if TYPE_CHECKING:
    from sharp_cli.formats.ply import PlyLayout
    from sharp_cli.gaussians.gaussians import Gaussians
    from sharp_cli.photo import FocalOverride, Photo
    from sharp_cli.predictor import Predictor
    from sharp_cli.render.film import FilmSettings


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


def marks_of(photo: Path, recipe: Recipe, weights_sha256: str) -> dict[str, str]:
    """What a photo's splat says of its own making; nothing for what is no file, which reading will refuse.

    Raises:
        SharpError: the photo cannot be read.
    """
    if not holds(photo.is_file):
        return {}
    return make_marks(photo, sha256_of(photo).hexdigest(), recipe.settings(weights_sha256))


def film_target(target: Path, film: FilmSettings) -> Path:
    """Where the film of a splat goes that is made along with it."""
    return target.with_name(f"{target.stem}.{film.format}")


def results_of(film: FilmSettings | None) -> Callable[[Path], list[Path]]:
    """All that is written for a photo, by the name of its splat."""
    return lambda target: [target] if film is None else [target, film_target(target, film)]


def is_splat_free(target: Path, source: Path) -> bool:
    """Whether a name can be given to a photo's splat; what it is filmed into is made from the splat."""
    return target.suffix != ".ply" or is_free(target, source, read_facts)


def check_splat(job: Job, marks: Mapping[str, str], film: FilmSettings | None = None) -> Literal["splat", "film"]:
    """What is to be made of a photo: its splat, or only the film of the splat that is there.

    Raises:
        Done: neither.
        SharpError: something is there that this tool has not made.
    """
    try:
        check_result(job.target, marks, read_facts)
    except Done:
        if film is None:
            raise
        _check_film(job.target, film)
        return "film"
    if film is not None:
        with suppress(Done):  # of an older splat
            _check_film(job.target, film)
    return "splat"


def converting(
    recipe: Recipe,
    weights_sha256: Future[str],
    load: Callable[[], Predictor],
    *,
    film: FilmSettings | None = None,
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
        check_place(job.target)
        marks = marks_of(job.source, recipe, weights_sha256.result())
        if not overwrite and check_splat(job, marks, film) == "film":
            from sharp_cli.formats.ply import read_ply

            return Prepared(None, read_ply(job.target), marks)
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
                _film(outcome, gaussians, film)

    return Stages(read, compute, write)


def _check_film(target: Path, film: FilmSettings) -> None:
    """Look at what stands where the film of a splat is to go; raises as :func:`check_splat`."""
    from sharp_cli.batch.splats import check_film, film_marks

    check_film(film_target(target, film), film, film_marks(target, film) if holds(target.is_file) else {})


def _film(outcome: Outcome, gaussians: Gaussians, film: FilmSettings) -> None:
    """Film a splat that is now at its target; given up when the run is interrupted."""
    from sharp_cli.batch.splats import film_marks
    from sharp_cli.render.film import choose_views, shoot

    target = outcome.job.target
    path = film_target(target, film)

    def shown(done: int, total: int) -> None:
        if outcome.stop.is_set():
            raise SharpError(f"{path}: the run ended before the film did.")

    facts = {**gaussians.facts, **film_marks(target, film)}
    shoot(film, gaussians, choose_views(film, gaussians), path, facts, shown=shown)
    outcome.facts["film"] = str(path)
