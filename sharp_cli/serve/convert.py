"""What the service's workers do: photos to splats, and splats to other formats. Runs in their processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sharp_cli.errors import SharpError
from sharp_cli.serve.settings import ConvertRequest, ExportRequest
from sharp_cli.serve.worker import Emit, Handler

if TYPE_CHECKING:
    from sharp_cli.gaussians.gaussians import Gaussians
    from sharp_cli.model.precision import Precision
    from sharp_cli.photo import Photo
    from sharp_cli.predictor import Predictor
    from sharp_cli.runtime.devices import Device

PAGE = ".html"

Answer = dict[str, Any] | SharpError


@dataclass(frozen=True)
class MakeConverter:
    """Makes the handler that keeps the network loaded. The arguments are those of ``load_predictor``."""

    weights: str = "sharp"
    device: Device = "auto"
    precision: Precision = "auto"
    low_vram: bool = False

    def __call__(self) -> Handler:
        from sharp_cli.predictor import load_predictor

        predictor = load_predictor(self.weights, self.device, self.precision, self.low_vram)
        return lambda requests, emit: convert(predictor, requests, emit)


def convert(predictor: Predictor, requests: Sequence[ConvertRequest], emit: Emit) -> list[Answer]:
    """Photos to splats in one pass; a photo that cannot be read does not stop the others."""
    emit("reading")
    read = [_read(request) for request in requests]
    photos = [photo for photo in read if not isinstance(photo, SharpError)]
    emit("network")
    results = iter(_predict(predictor, photos))
    answers: list[Answer] = []
    emit("writing")
    for request, photo in zip(requests, read, strict=True):
        result = photo if isinstance(photo, SharpError) else next(results)
        answers.append(result if isinstance(result, SharpError) else _written(request, photo, result))
    return answers


def make_exporter() -> Handler:
    """Makes the handler that writes splats in other formats."""
    import torch  # noqa: F401  loaded before the first request

    return lambda requests, emit: [_exported(request) for request in requests]


def _read(request: ConvertRequest) -> Photo | SharpError:
    from sharp_cli.photo import FocalOverride, read_photo

    options = request.options
    given = (options.focal_px, options.focal_mm, options.fov)
    try:
        focal = FocalOverride(*given) if any(value is not None for value in given) else None
        return read_photo(request.photo, focal=focal)
    except SharpError as error:
        # The upload's own name means nothing to the client.
        return SharpError(str(error).replace(str(request.photo), "the photo"), error.code)


def _predict(predictor: Predictor, photos: list[Photo]) -> list[Gaussians | SharpError]:
    try:
        return list(predictor.predict_batch(photos))
    except SharpError as error:
        if len(photos) == 1:
            return [error]
    return [result for photo in photos for result in _predict(predictor, [photo])]  # which one it was


def _written(request: ConvertRequest, photo: Any, gaussians: Gaussians) -> Answer:
    from sharp_cli.formats.registry import write_splat

    if request.options.max_gaussians is not None:
        from sharp_cli.gaussians.fit import Fit
        from sharp_cli.gaussians.fitting import fit

        gaussians = fit(gaussians, Fit(request.options.max_gaussians))
    try:
        write_splat(request.target, gaussians)
    except OSError as error:
        return SharpError(f"cannot write the splat: {error.strerror or error}", "disk_full")
    facts = {"width": photo.width, "height": photo.height, "focal_px": round(photo.focal_px, 3)}
    return facts | {"focal_from": photo.focal_source, "notes": list(photo.notes), "gaussians": len(gaussians)}


def _exported(request: ExportRequest) -> Answer:
    from sharp_cli.formats.registry import read_stored, write_splat

    try:
        splat = read_stored(request.splat)
        if request.target.suffix == PAGE:
            from sharp_cli.viewer.export import write_html

            write_html(request.target, splat, request.title)
        else:
            write_splat(request.target, splat)
    except SharpError as error:
        return SharpError(str(error), error.code)
    except OSError as error:
        return SharpError(f"cannot write the splat: {error.strerror or error}", "disk_full")
    return {}
