"""From a photo to its splat: the library's front door."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.finite import all_finite
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.gaussians.transform import transform
from sharp_cli.model.checkpoint import empty_network
from sharp_cli.model.compose import NdcGaussians
from sharp_cli.model.low_memory import enable_low_memory
from sharp_cli.model.network import SharpNetwork
from sharp_cli.model.precision import Precision, choose_dtype, place_tensors
from sharp_cli.photo import FocalOverride, Photo, as_photo
from sharp_cli.runtime.devices import Device, choose_device
from sharp_cli.version import __version__
from sharp_cli.weights.catalog import LICENSE_KEY
from sharp_cli.weights.read import Weights, read_weights
from sharp_cli.weights.resolve import resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

PhotoLike: TypeAlias = "str | PathLike[str] | NDArray[Any] | Image.Image | Photo"

CPU_WINDOW_CHUNK = 7
"""Windows at a time on a CPU: their activations then stay in or near its cache."""

# torch gives every large CPU allocation back to the system and gets it again page by page; with huge
# pages the network's elementwise operations take half the time. Read by torch at its first allocation.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


class Predictor:
    """A loaded network on a device. Made by :func:`load_predictor`."""

    def __init__(self, network: SharpNetwork, device: torch.device, facts: dict[str, str], low_vram: bool) -> None:
        self.network = network
        self.device = device
        self.facts = facts
        self.low_vram = False
        if low_vram:
            self._use_low_memory()

    def predict(
        self,
        photo: PhotoLike,
        focal_px: float | None = None,
        *,
        focal_mm: float | None = None,
        fov: float | None = None,
    ) -> Gaussians:
        """Turn one photo into Gaussians.

        Args:
            photo: a file's path, an array (H, W, 3) of uint8 or of floats in [0, 1] (sRGB), a PIL image,
                or what ``read_photo`` returned.
            focal_px: focal length in pixels of the upright photo. At most one of the three is given; without any it
                comes from EXIF, else it is 30 mm equivalent.
            focal_mm: focal length in mm, 35 mm equivalent.
            fov: horizontal field of view in degrees.

        Returns:
            ``network.config.num_gaussians`` Gaussians on the predictor's device, in meters.

        Raises:
            SharpError: an unreadable photo, or a result that is not finite.
        """
        given = focal_px is not None or focal_mm is not None or fov is not None
        found = as_photo(photo, FocalOverride(focal_px, focal_mm, fov) if given else None)
        return self.to_camera_space(self.run_network([found]), [found])[0]

    def predict_batch(self, photos: Sequence[PhotoLike]) -> list[Gaussians]:
        """Turn several photos into Gaussians in one pass through the network: faster than one by one on a GPU.

        Args:
            photos: as for :meth:`predict`; focal lengths come from EXIF, or from ``read_photo(path, focal=...)``.
        """
        found = [as_photo(photo) for photo in photos]
        return self.to_camera_space(self.run_network(found), found)

    @torch.inference_mode()
    def run_network(self, photos: list[Photo]) -> NdcGaussians:
        """The network alone; :meth:`to_camera_space` does the rest. Out of memory is tried once more part by part."""
        try:
            return self._forward(photos)
        except RuntimeError as error:
            if self.low_vram or self.device.type == "cpu" or not _is_out_of_memory(error):
                raise
        warnings.warn(f"out of memory on {self.device}: continuing part by part, which is slower", stacklevel=2)
        self._use_low_memory()
        return self._forward(photos)

    @torch.inference_mode()
    def to_camera_space(self, ndc: NdcGaussians, photos: list[Photo]) -> list[Gaussians]:
        """Bring the network's Gaussians from its normalized space to each photo's camera (docs/network.md §8)."""
        return [self._to_camera(NdcGaussians(*(v[i] for v in ndc)), photo) for i, photo in enumerate(photos)]

    def _forward(self, photos: list[Photo]) -> NdcGaussians:
        size = self.network.config.resolution
        image = torch.cat([_square(photo, size, self.device) for photo in photos])
        factors = [photo.focal_px / photo.width for photo in photos]
        return self.network(image, torch.tensor(factors, dtype=torch.float32, device=self.device))

    def _to_camera(self, ndc: NdcGaussians, photo: Photo) -> Gaussians:
        if not all(map(all_finite, ndc)):
            raise SharpError("the network's result is not finite (fp32 may help)", "not_finite")
        diagonal = [photo.width / (2 * photo.focal_px), photo.height / (2 * photo.focal_px), 1.0]
        matrix = torch.diag(ndc.means.new_tensor(diagonal))
        means, scales, quats = transform(ndc.means, ndc.scales, ndc.quats, matrix)
        return Gaussians(
            means=means,
            scales=scales,
            quats=quats,
            opacities=ndc.opacities,
            colors=ndc.colors,
            camera=Camera(photo.width, photo.height, photo.focal_px),
            facts={**self.facts, "focal_from": photo.focal_source},
        )

    def _use_low_memory(self) -> None:
        self.low_vram = True
        enable_low_memory(self.network, self.device)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def load_predictor(
    weights: str | PathLike[str] = "sharp",
    device: Device | torch.device = "auto",
    precision: Precision = "auto",
    low_vram: bool = False,
) -> Predictor:
    """Load a network, ready for photos.

    Args:
        weights: a known checkpoint's name (downloaded when first needed), a ``.safetensors`` or a ``.pt`` file.
        device: ``auto`` takes CUDA, else MPS, else the CPU.
        precision: what the backbone computes in; ``auto`` is the fastest that stays faithful on the device.
        low_vram: run part by part, for devices that cannot hold the network.

    Raises:
        SharpError: weights that cannot be found or do not fit, or a missing device.
    """
    return predictor_from(read_weights(resolve(weights)), device, precision, low_vram)


def predictor_from(
    weights: Weights, device: Device | torch.device = "auto", precision: Precision = "auto", low_vram: bool = False
) -> Predictor:
    """As :func:`load_predictor`, from weights already read."""
    device = choose_device(device)
    network = empty_network(weights.config)
    # With low_vram the weights stay in main memory, and each part visits the device.
    home = torch.device("cpu") if low_vram else device
    place_tensors(network, weights.tensors, choose_dtype(precision, device), home)
    network.eval().requires_grad_(False)
    if device.type == "cuda":
        network.to(memory_format=torch.channels_last)
    network.encoder.patch_encoder.chunk = CPU_WINDOW_CHUNK if device.type == "cpu" else None
    facts = {"made_by": f"sharp-cli {__version__}", "weights": weights.path.name}
    facts |= {key: str(weights.record[key]) for key in ("name", LICENSE_KEY) if key in weights.record}
    return Predictor(network, device, facts, low_vram)


def _square(photo: Photo, size: int, device: torch.device) -> Tensor:
    """A photo as the network sees it: (1, 3, size, size) in [0, 1], corners aligned, aspect ratio not kept."""
    pixels = torch.from_numpy(photo.pixels).to(device).permute(2, 0, 1)[None].float().div_(255.0)
    return F.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=True)


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)
