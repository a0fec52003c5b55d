"""One photograph in, a metric 3D Gaussian splat out: SHARP (arXiv 2512.10685).

predictor = load_predictor()
gaussians = predictor.predict("photo.jpg")
write_ply("photo.ply", gaussians)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sharp_cli.formats.registry import write_splat as _write_splat
from sharp_cli.gaussians.gaussians import Gaussians as _Gaussians
from sharp_cli.version import __version__

if TYPE_CHECKING:
    from sharp_cli.errors import SharpError
    from sharp_cli.formats.ply import read_ply, write_ply
    from sharp_cli.gaussians.gaussians import Camera, Gaussians
    from sharp_cli.predictor import Predictor, load_predictor

_HOMES = {
    "Camera": "gaussians.gaussians",
    "Gaussians": "gaussians.gaussians",
    "Predictor": "predictor",
    "SharpError": "errors",
    "load_predictor": "predictor",
    "read_ply": "formats.ply",
    "write_ply": "formats.ply",
}
__all__ = [
    "Camera",
    "Gaussians",
    "Predictor",
    "SharpError",
    "__version__",
    "load_predictor",
    "read_ply",
    "write_ply",
]


_Gaussians.writer = _write_splat  # for Gaussians.save: their room lies below the formats


def __getattr__(name: str) -> Any:
    # Importing the package must not import torch: the command line answers --help without it.
    if name not in _HOMES:
        raise AttributeError(f"module 'sharp_cli' has no attribute '{name}'")
    return getattr(import_module(f"sharp_cli.{_HOMES[name]}"), name)
