"""The task of ``sharp panorama``: panoramas to splats that surround the viewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from sharp_cli.batch.convert import ConvertTask, Recipe
from sharp_cli.batch.network import Network
from sharp_cli.batch.provenance import settings_text
from sharp_cli.batch.task import Work
from sharp_cli.errors import SharpError
from sharp_cli.runtime.timing import Stopwatch

if TYPE_CHECKING:
    from sharp_cli.gaussians.gaussians import Gaussians
    from sharp_cli.multiview.equirect import Panorama
    from sharp_cli.render.settings import FilmSettings

    Output: TypeAlias = Callable[[], Gaussians]


class PanoramaTask(ConvertTask):
    """Panoramas to splats; done ones are skipped, and films go along, as in ``convert``.

    Args:
        recipe: its focal length is not used.
        faces: of a full ring.
        fov: horizontal field of view of all inputs [degrees]; None: from their tags, else all around.
        camera_height: of all inputs' cameras over the ground [m]; None: the size stays what the network says.
    """

    noun, doing = "panoramas", "faces"

    def __init__(
        self,
        recipe: Recipe,
        network: Network,
        *,
        faces: int,
        fov: float | None = None,
        camera_height: float | None = None,
        film: FilmSettings | None = None,
        overwrite: bool = False,
    ) -> None:
        super().__init__(recipe, network, film=film, overwrite=overwrite)
        self.faces, self.fov, self.camera_height = faces, fov, camera_height

    def _decode(self, work: Work) -> Panorama:  # type: ignore[override]
        """The panorama."""
        from sharp_cli.multiview.equirect import panorama_from_photo
        from sharp_cli.photo import read_photo

        source = work.job.source
        with Stopwatch(work.result.seconds).stage("decode"):
            photo = read_photo(source, background=self.recipe.background)
            panorama = panorama_from_photo(photo, str(source), self.fov)
        degrees = round(panorama.span * 57.2957795)
        work.result.facts |= {"width": photo.width, "height": photo.height, "degrees": degrees}
        work.result.note = f"{degrees}° wide"
        return panorama

    def _predict(self, work: Work, item: Panorama) -> Output:  # type: ignore[override]
        """The faces, one after the other; alignment is left for :meth:`write`."""
        from sharp_cli.multiview.faces import choose_faces
        from sharp_cli.multiview.panorama import at_camera_height, join_faces, notes_on, predict_faces

        predictor, watch = self._loaded(work), Stopwatch(work.result.seconds)
        ring = choose_faces(item, self.faces)
        splats = []
        with watch.stage("network", on_device=True):
            for splat in predict_faces(item, ring, predictor.predict, predictor.network.config.resolution):
                if work.stop.is_set():
                    raise SharpError(f"{work.job.source}: the run ended before all faces were done", "stopped")
                splats.append(replace(splat, gaussians=splat.gaussians.to("cpu")))
                work.progress(len(splats), len(ring.faces))
        work.result.facts["faces"] = len(splats)
        notes = notes_on(ring, splats)
        work.result.note = "; ".join([f"{work.result.note}, {len(splats)} faces", *notes])

        def join() -> Gaussians:
            with watch.stage("align"):
                joined = join_faces(item, ring, splats)
                return joined if self.camera_height is None else at_camera_height(joined, self.camera_height)

        return join

    @cached_property
    def _settings(self) -> str:
        recipe = {key: value for key, value in self.recipe.settings().items() if key != "focal"}
        fov = "auto" if self.fov is None else repr(self.fov)
        height = {} if self.camera_height is None else {"camera_height": repr(self.camera_height)}
        return settings_text({**self.network.settings(), "fov": fov, "faces": self.faces, **height, **recipe})
