"""From a photo to its splat: the library's front door."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.facts import LICENSE
from sharp_cli.gaussians.finite import all_finite
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.gaussians.transform import transform
from sharp_cli.model.checkpoint import empty_network
from sharp_cli.model.compose import NdcGaussians
from sharp_cli.model.low_memory import enable_low_memory
from sharp_cli.model.network import SharpNetwork
from sharp_cli.model.precision import (
    Precision,
    change_backbone_dtype,
    choose_dtype,
    exact_products,
    has_native_bf16,
    place_tensors,
)
from sharp_cli.model.progress import follow
from sharp_cli.model.square import to_square
from sharp_cli.photo import FocalOverride, Photo, as_photo
from sharp_cli.runtime.devices import Device, choose_device
from sharp_cli.runtime.files import Progress, no_progress
from sharp_cli.runtime.memory import is_out_of_memory, memory_for
from sharp_cli.version import __version__
from sharp_cli.weights.catalog import Checkpoint
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
    """A loaded network on a device. Made by :func:`load_predictor`.

    Args:
        facts: what every splat records about the network.
        low_vram: run part by part.
        wider_dtype: of the backbone, from the first result on that is not finite; None keeps its dtype.
    """

    def __init__(
        self,
        network: SharpNetwork,
        device: torch.device,
        facts: dict[str, str],
        low_vram: bool,
        wider_dtype: torch.dtype | None = None,
    ) -> None:
        self.network = network
        self.device = device
        self.facts = facts
        self.low_vram = False
        self._wider_dtype = wider_dtype
        if low_vram:
            self._use_low_memory()

    def predict(
        self,
        photo: PhotoLike,
        focal_px: float | None = None,
        *,
        focal_mm: float | None = None,
        fov: float | None = None,
        progress: Progress = no_progress,
    ) -> Gaussians:
        """Turn one photo into Gaussians.

        Args:
            photo: a file's path, an array (H, W, 3) of uint8 or of floats in [0, 1] (sRGB), a PIL image,
                or what ``read_photo`` returned.
            focal_px: focal length in pixels of the upright photo. At most one of the three is given; without any it
                comes from EXIF, else it is 30 mm equivalent.
            focal_mm: focal length in mm, 35 mm equivalent.
            fov: horizontal field of view in degrees.
            progress: called while the network runs, with the parts done and their total.

        Returns:
            ``network.config.num_gaussians`` Gaussians on the predictor's device, in meters.

        Raises:
            SharpError: an unreadable photo, or a result that is not finite.
        """
        return self.predict_batch([photo], focal_px, focal_mm=focal_mm, fov=fov, progress=progress)[0]

    def predict_batch(
        self,
        photos: Sequence[PhotoLike],
        focal_px: float | None = None,
        *,
        focal_mm: float | None = None,
        fov: float | None = None,
        progress: Progress = no_progress,
    ) -> list[Gaussians]:
        """Turn several photos into Gaussians in one pass through the network: faster than one by one on a GPU.

        Args:
            photos: as for :meth:`predict`. For focal lengths of their own, use ``read_photo(path, focal=...)``.
            focal_px, focal_mm, fov: as for :meth:`predict`, for all photos.
            progress: as for :meth:`predict`.

        Raises:
            SharpError: as for :meth:`predict`.
        """
        given = focal_px is not None or focal_mm is not None or fov is not None
        focal = FocalOverride(focal_px, focal_mm, fov) if given else None
        found = [as_photo(photo, focal) for photo in photos]
        return self.to_camera_space(self.run_network(found, progress), found) if found else []

    @torch.inference_mode()
    def run_network(self, photos: list[Photo], progress: Progress = no_progress) -> NdcGaussians:
        """Run the network alone; :meth:`to_camera_space` does the rest.

        If memory is exhausted, the network runs part by part from then on. If ``precision`` is "auto" and a result in
        fp16 is not finite, it runs in a wider type from then on. Both give a warning.

        Raises:
            SharpError: not enough memory.
        """
        with nullcontext() if progress is no_progress else follow(self.network, progress, len(photos)):
            ndc = self._run_within_memory(photos)
        if self._wider_dtype is not None and not all_finite(*ndc):
            warnings.warn("values too large for fp16: continuing in another precision", stacklevel=3)
            change_backbone_dtype(self.network, self._wider_dtype)
            self._wider_dtype = None
            ndc = self._run_within_memory(photos)
        return ndc

    @torch.inference_mode()
    def to_camera_space(self, ndc: NdcGaussians, photos: list[Photo]) -> list[Gaussians]:
        """Bring the network's Gaussians from its normalized space to each photo's camera (docs/network.md §8)."""
        with memory_for(f"Gaussians on {self.device}"):
            return [self._to_camera(NdcGaussians(*(v[i] for v in ndc)), photo) for i, photo in enumerate(photos)]

    def _run_within_memory(self, photos: list[Photo]) -> NdcGaussians:
        try:
            return self._forward(photos)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self.low_vram or self.device.type == "cpu":
                raise _too_small(self.device) from error
        # Here, not above: the error's traceback holds on to the memory of the attempt.
        _warn_of_low_memory(self.device)
        self._use_low_memory()
        return self._run_within_memory(photos)

    def _forward(self, photos: list[Photo]) -> NdcGaussians:
        size = self.network.config.resolution
        image = torch.cat([to_square(photo.pixels, size, self.device) for photo in photos])
        factors = [photo.focal_px / photo.width for photo in photos]
        with exact_products(self.device.type == "cuda" and self.network.backbone_dtype == torch.float32):
            return self.network(image, torch.tensor(factors, dtype=torch.float32, device=self.device))

    def _to_camera(self, ndc: NdcGaussians, photo: Photo) -> Gaussians:
        if not all_finite(*ndc):
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
    *,
    progress: Progress = no_progress,
) -> Predictor:
    """Load a network, ready for photos.

    Args:
        weights: a known checkpoint's name (downloaded when first needed), a ``.safetensors`` or a ``.pt`` file.
        device: ``auto`` takes CUDA, else MPS, else the CPU; or a ``torch.device``.
        precision: what the backbone computes in; ``auto`` is the fastest that stays faithful on the device.
        low_vram: run part by part, for devices that cannot hold the network.
        progress: called during a download with the bytes done and the bytes in all.

    Raises:
        SharpError: weights that cannot be found, downloaded or used, a missing device, or not enough memory.
    """

    def fetch(checkpoint: Checkpoint) -> Path:
        from sharp_cli.weights.download import download

        return download(checkpoint, progress)

    device = choose_device(device)  # before a download
    return predictor_from(read_weights(resolve(weights, download=fetch)), device, precision, low_vram)


def predictor_from(
    weights: Weights, device: Device | torch.device = "auto", precision: Precision = "auto", low_vram: bool = False
) -> Predictor:
    """As :func:`load_predictor`, from weights already read."""
    device = choose_device(device)
    network = empty_network(weights.config)
    dtype = choose_dtype(precision, device)
    low_vram = _place_within_memory(network, weights, dtype, device, low_vram)
    network.eval().requires_grad_(False)
    network.encoder.patch_encoder.chunk = CPU_WINDOW_CHUNK if device.type == "cpu" else None
    facts = {"made_by": f"sharp-cli {__version__}", "weights": weights.path.name}
    facts |= {key: str(weights.record[key]) for key in ("name", LICENSE) if key in weights.record}
    wider = None
    if precision == "auto" and dtype == torch.float16:
        wider = torch.bfloat16 if has_native_bf16(device) else torch.float32
    return Predictor(network, device, facts, low_vram, wider)


def _place_within_memory(
    network: SharpNetwork, weights: Weights, dtype: torch.dtype, device: torch.device, low_vram: bool
) -> bool:
    """Fill the network, on the device if it has room; return whether it must run part by part."""
    if not low_vram:
        try:
            place_tensors(network, weights.tensors, dtype, device)
            return False
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if device.type == "cpu":
                raise _too_small(device) from error
        _warn_of_low_memory(device)
    # The weights stay in main memory, and each part visits the device.
    with memory_for("the network's weights"):
        place_tensors(network, weights.tensors, dtype, torch.device("cpu"))
    return True


def _warn_of_low_memory(device: torch.device) -> None:
    warnings.warn(f"out of memory on {device}: continuing part by part, which is slower", stacklevel=4)


def _too_small(device: torch.device) -> SharpError:
    return SharpError(f"not enough memory for the network on {device} (close other programs)", "out_of_memory")
