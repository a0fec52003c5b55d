"""The task of ``sharp convert``: photos to splats, and if asked for to films of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sharp_cli.batch.network import Network
from sharp_cli.batch.provenance import check_place, is_done, is_free, is_marked, make_provenance, settings_text
from sharp_cli.batch.splats import axes_settings, fit_settings, fitted, start_rows_of, write_result
from sharp_cli.batch.task import Job, StopRun, Work
from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import can_read, read_splat
from sharp_cli.photo.panorama import is_all_around
from sharp_cli.photo.suffixes import PHOTO_SUFFIXES
from sharp_cli.runtime.timing import Stopwatch

if TYPE_CHECKING:
    from sharp_cli.formats.ply import PlyLayout
    from sharp_cli.gaussians.axes import Axes
    from sharp_cli.gaussians.fit import Fit
    from sharp_cli.gaussians.gaussians import Gaussians
    from sharp_cli.photo import FocalOverride, Photo
    from sharp_cli.predictor import Predictor
    from sharp_cli.render.settings import FilmSettings

    Item: TypeAlias = "Photo | Gaussians"
    Output: TypeAlias = Callable[[], Gaussians]


@dataclass(frozen=True)
class Recipe:
    """All that decides which splat a photo becomes, besides the network."""

    focal: FocalOverride | None = None
    """None: from EXIF, else 30 mm equivalent."""
    background: tuple[int, int, int] = (255, 255, 255)
    """sRGB, 0..255; shows through transparent photos."""
    ply_layout: PlyLayout = "standard"
    suffix: str = ".ply"
    """Of the splat: a format of :data:`sharp_cli.formats.registry.FORMATS`."""
    fit: Fit | None = None
    """None: all Gaussians of the network."""
    axes: Axes = "opencv"
    """Of the splats' files."""

    def settings(self) -> dict[str, object]:
        """As splats record them."""
        focal = vars(self.focal).items() if self.focal else ()
        return {
            "focal": "".join(f"{value!r}{unit}" for unit, value in focal if value is not None) or "auto",
            "background": "#{:02x}{:02x}{:02x}".format(*self.background),
            "layout": self.ply_layout,
            **fit_settings(self.fit),
            **axes_settings(self.axes),
        }


class ConvertTask:
    """Photos to splats.

    Args:
        recipe: what to make of each photo.
        network: loaded for the first photo that needs it.
        film: what to render of every splat, into :func:`film_target`.
        overwrite: make again what is done, and replace files that sharp has not made.
    """

    noun, doing = "photos", "network"
    suffixes = PHOTO_SUFFIXES
    keeps_values = True
    """Whether a splat is written with the very values that the predictor gave."""

    def __init__(
        self,
        recipe: Recipe,
        network: Network,
        *,
        film: FilmSettings | None = None,
        overwrite: bool = False,
    ) -> None:
        self.recipe, self.network, self.film, self.overwrite = recipe, network, film, overwrite
        self.ending = recipe.suffix
        self.setup_seconds: dict[str, float] = {}
        self._is_marked = cache(is_marked)  # a folder of frames is looked at once, not once for every frame

    def __reduce__(self) -> Any:
        """For another process: as it was made."""
        return partial(ConvertTask, film=self.film, overwrite=self.overwrite), (self.recipe, self.network)

    def outputs(self, target: Path) -> list[Path]:
        """The splat and its film."""
        return [target] if self.film is None else [target, film_target(target, self.film)]

    def is_result(self, path: Path) -> bool:
        """Whether a picture is a film that sharp made, or a frame of one."""
        if path.name.startswith("frame_") and path.suffix == ".png":
            return self._is_marked(path.parent)
        return path.suffix.lower() in (".gif", ".webp") and is_marked(path)

    def is_free(self, target: Path, source: Path) -> bool:
        """Whether no splat of another photo is there. Its film goes with it."""
        return is_free(target, source)

    def status(self, job: Job) -> tuple[Path, ...]:
        """The splat, its film, both or neither."""
        check_place(job.target)
        if self.overwrite:
            return tuple(self.outputs(job.target))
        splat_done = is_done(job.target, job.source, self._settings)
        film_done = self._is_film_done(job.target)
        splat, *film = self.outputs(job.target)
        readable = can_read(job.target)  # a film is made of the splat, so the other formats are made again for it
        if not splat_done or not (film_done or readable):
            return (splat, *film)
        return () if film_done else tuple(film)

    def read(self, work: Work) -> Item:
        """The source; or the splat, if only its film is missing."""
        if work.job.target not in work.missing:
            with Stopwatch(work.result.seconds).stage("read"):
                return read_splat(work.job.target)
        work.provenance = make_provenance(work.job.source, self._settings)
        return self._decode(work)

    def _decode(self, work: Work) -> Photo:
        """The source, decoded."""
        from sharp_cli.photo import read_photo

        job = work.job
        with Stopwatch(work.result.seconds).stage("decode"):
            photo = read_photo(job.source, focal=self.recipe.focal, background=self.recipe.background)
        if self.recipe.focal is None and is_all_around(photo.panorama, photo.width, photo.height):
            raise SharpError(f"cannot convert {job.source}: it is a 360° panorama, not a photo", "panorama")
        facts = {"width": photo.width, "height": photo.height, "focal_px": round(photo.focal_px, 3)}
        work.result.facts |= {**facts, "focal_from": photo.focal_source}
        if photo.notes:
            work.result.facts["notes"] = list(photo.notes)
        work.result.note = "; ".join((f"focal length {photo.focal_px:.0f} px: {photo.focal_source}", *photo.notes))
        return photo

    def compute(self, work: Work, item: Item) -> Output:
        """The network's result, and what is left to do with it for a splat in camera space."""
        from sharp_cli.gaussians.gaussians import Gaussians

        return (lambda: item) if isinstance(item, Gaussians) else self._predict(work, item)

    def _predict(self, work: Work, item: Photo) -> Output:
        """What :meth:`compute` does with a decoded source."""
        from sharp_cli.gaussians.leave import start_leaving

        predictor, watch = self._loaded(work), Stopwatch(work.result.seconds)
        work.announce(f"{work.job.source.name} ({item.width * item.height / 1e6:.1f} MP): network")
        with watch.stage("network", on_device=True):
            ndc = predictor.run_network([item], work.progress)

        def decompose() -> Gaussians:
            with watch.stage("decompose", on_device=True):
                (gaussians,) = predictor.to_camera_space(ndc, [item])
            return gaussians

        if predictor.device.type == "cpu":
            return decompose  # in the writing thread: the network does not keep all cores busy all the time
        gaussians = decompose()
        if self.keeps_values and self.recipe.fit is None and self.recipe.axes == "opencv":
            work.rows = start_rows_of(work.job.target, gaussians, self.recipe.ply_layout)
        return (lambda: gaussians) if work.rows or self.film else start_leaving(gaussians)

    def write(self, work: Work, item: Item, output: Output) -> None:
        """The splat's file and its film."""
        target, result, gaussians = work.job.target, work.result, output()
        watch = Stopwatch(result.seconds)
        if target in work.missing:
            gaussians = fitted(gaussians, self.recipe.fit)
            with watch.stage("write"):
                assert work.provenance is not None
                provenance = replace(work.provenance, gaussians=str(len(gaussians)))
                write_result(target, gaussians, self.recipe.ply_layout, provenance.facts(), self.recipe.axes, work.rows)
        result.facts |= {"gaussians": len(gaussians), "bytes": target.stat().st_size}
        if self.film is not None:
            with watch.stage("render", on_device=True):
                self._shoot(self.film, work, gaussians)

    @property
    def fingerprint(self) -> str:
        """All settings that decide the results."""
        return f"{self._settings} {self._film_settings}"

    @cached_property
    def _settings(self) -> str:
        return settings_text({**self.network.settings(), **self.recipe.settings()})

    @cached_property
    def _film_settings(self) -> str:
        from sharp_cli.batch.render import film_settings

        return "" if self.film is None else film_settings(self.film)

    def _loaded(self, work: Work) -> Predictor:
        if "load" not in self.setup_seconds:
            work.announce("loading the network")
            try:
                with Stopwatch(self.setup_seconds).stage("load", on_device=True):
                    return self.network.predictor
            except SharpError as error:
                raise StopRun(str(error), error.code) from error
        return self.network.predictor

    def _is_film_done(self, splat: Path) -> bool:
        if self.film is None:
            return True
        return is_done(film_target(splat, self.film), splat, self._film_settings)

    def _shoot(self, film: FilmSettings, work: Work, gaussians: Gaussians) -> None:
        """Render the film of a splat that is at its target; given up when the run ends."""
        from sharp_cli.render.film import choose_views, shoot

        splat = work.job.target
        path = film_target(splat, film)

        def shown(done: int, total: int) -> None:
            if work.stop.is_set():
                raise SharpError(f"{path}: the run ended before the film was complete", "stopped")

        facts = {**gaussians.facts, **make_provenance(splat, self._film_settings).facts()}
        shoot(film, gaussians, choose_views(film, gaussians), path, facts, shown=shown)
        work.result.facts["film"] = str(path)


def film_target(splat: Path, film: FilmSettings) -> Path:
    """Where the film goes that is made along with a splat."""
    return splat.with_name(f"{splat.stem}.{film.format}")
