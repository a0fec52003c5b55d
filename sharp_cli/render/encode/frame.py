"""The kinds of frames."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(H, W, 3) uint8 sRGB, (H, W, 4) uint8 sRGB with straight alpha, (H, W) uint16, or for H.264 (H · 3/2, W) uint8 of
:func:`~sharp_cli.render.device_pictures.planes`."""

Kind = Literal["rgb", "rgba", "gray16", "planes"]


def kind_of(frame: Frame) -> Kind | None:
    """Which of them a frame is, None for anything else."""
    if frame.dtype == np.uint8 and frame.ndim == 3:
        kinds: dict[int, Kind] = {3: "rgb", 4: "rgba"}
        return kinds.get(frame.shape[2])
    if frame.dtype == np.uint8 and frame.ndim == 2:
        return "planes" if frame.shape[0] % 3 == 0 and frame.shape[1] % 2 == 0 else None
    return "gray16" if frame.dtype == np.uint16 and frame.ndim == 2 else None
