"""One photograph in, a metric 3D Gaussian splat out: SHARP (arXiv 2512.10685).

predictor = load_predictor("preview")
gaussians = predictor.predict("photo.jpg")
gaussians.save("photo.ply")
render_film(gaussians, "photo.mp4")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sharp_cli.formats.registry import write_splat as _write_splat
from sharp_cli.gaussians.gaussians import Gaussians as _Gaussians
from sharp_cli.version import __version__

if TYPE_CHECKING:
    from sharp_cli.cameras.trajectories import trajectory
    from sharp_cli.cameras.views import Views
    from sharp_cli.errors import SharpError
    from sharp_cli.formats.ply import read_ply, write_ply
    from sharp_cli.formats.registry import read_splat, write_splat
    from sharp_cli.gaussians.fit import Fit
    from sharp_cli.gaussians.fitting import fit
    from sharp_cli.gaussians.gaussians import Camera, Gaussians
    from sharp_cli.photo import FocalOverride, Photo, read_photo
    from sharp_cli.predictor import Predictor, load_predictor
    from sharp_cli.render.film import render_film
    from sharp_cli.render.settings import FilmSettings
    from sharp_cli.render.views import render_views

_HOMES = {
    "Camera": "gaussians.gaussians",
    "FilmSettings": "render.settings",
    "Fit": "gaussians.fit",
    "FocalOverride": "photo",
    "Gaussians": "gaussians.gaussians",
    "Photo": "photo",
    "Predictor": "predictor",
    "SharpError": "errors",
    "Views": "cameras.views",
    "fit": "gaussians.fitting",
    "load_predictor": "predictor",
    "read_photo": "photo",
    "read_ply": "formats.ply",
    "read_splat": "formats.registry",
    "render_film": "render.film",
    "render_views": "render.views",
    "trajectory": "cameras.trajectories",
    "write_ply": "formats.ply",
    "write_splat": "formats.registry",
}
__all__ = [
    "Camera",
    "FilmSettings",
    "Fit",
    "FocalOverride",
    "Gaussians",
    "Photo",
    "Predictor",
    "SharpError",
    "Views",
    "__version__",
    "fit",
    "load_predictor",
    "read_photo",
    "read_ply",
    "read_splat",
    "render_film",
    "render_views",
    "trajectory",
    "write_ply",
    "write_splat",
]


def _show(gaussians: _Gaussians, height: int) -> Any:
    from sharp_cli.viewer.notebook import splat_frame

    return splat_frame(gaussians, height)


_Gaussians.writer = _write_splat  # for Gaussians.save: their room lies below the formats
_Gaussians.viewer = _show  # and below the viewer


def __getattr__(name: str) -> Any:
    # Importing the package must not import torch: the command line answers --help without it.
    if name not in _HOMES:
        raise AttributeError(f"module 'sharp_cli' has no attribute '{name}'")
    return getattr(import_module(f"sharp_cli.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
