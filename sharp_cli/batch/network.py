"""The network of a batch: what it is, and the predictor once it is needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

from sharp_cli.batch.digest import Digest
from sharp_cli.runtime.files import holds
from sharp_cli.weights.catalog import Checkpoint, published_sha256
from sharp_cli.weights.resolve import resolve

if TYPE_CHECKING:
    from sharp_cli.model.precision import Precision
    from sharp_cli.predictor import Predictor
    from sharp_cli.runtime.devices import Device


class Network:
    """The network of a batch: what it is, known without loading it, and the predictor, loaded when first used.

    Args:
        weights, device, precision, low_vram: as for :func:`~sharp_cli.predictor.load_predictor`.
    """

    def __init__(
        self, weights: str = "sharp", device: Device = "auto", precision: Precision = "auto", low_vram: bool = False
    ) -> None:
        self.weights, self.device, self.low_vram = weights, device, low_vram
        self._precision = precision

    def __reduce__(self) -> Any:
        """For another process, in another folder: as it was made, and not loaded."""
        weights = str(Path(self.weights).absolute()) if holds(Path(self.weights).is_file) else self.weights
        return Network, (weights, self.device, self._precision, self.low_vram)

    def fetch(self, download: Callable[[Checkpoint], Path] | None = None) -> None:
        """Find the weights' file, or download it, and begin to read its digest.

        Args:
            download: as for :func:`~sharp_cli.weights.resolve.resolve`.

        Raises:
            SharpError: no such weights, or the download failed.
        """
        self._path = resolve(self.weights, download=download)
        if published_sha256(self.weights) is None:
            Thread(target=self._digest.run, daemon=True).start()

    def settings(self) -> dict[str, object]:
        """As splats record them: which weights, and in which precision.

        Never ``auto``: another machine would resolve that differently, and results of two precisions would mix.

        Raises:
            SharpError: the weights cannot be read, or the device is missing here.
        """
        return {"weights": published_sha256(self.weights) or self._digest.result(), "precision": self.precision}

    @cached_property
    def precision(self) -> Precision:
        """The backbone's number format on this device."""
        from sharp_cli.model.precision import DTYPES, choose_dtype
        from sharp_cli.runtime.devices import choose_device

        chosen = choose_dtype(self._precision, choose_device(self.device))
        return cast("Precision", next(name for name, dtype in DTYPES.items() if dtype == chosen))

    @cached_property
    def predictor(self) -> Predictor:
        """Loaded at first use."""
        from sharp_cli.predictor import load_predictor

        # "auto" as it is: it may fall back from fp16, for single photos that need the range.
        return load_predictor(self._path, self.device, self._precision, self.low_vram)

    @cached_property
    def _path(self) -> Path:
        return resolve(self.weights)

    @cached_property
    def _digest(self) -> Digest:
        return Digest(self._path)
