"""The kinds of frames."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(H, W, 3) uint8 sRGB, (H, W, 4) uint8 sRGB with straight alpha, or (H, W) uint16."""

Kind = Literal["rgb", "rgba", "gray16"]


def kind_of(frame: Frame) -> Kind | None:
    """Which of the three a frame is, None for anything else."""
    if frame.dtype == np.uint8 and frame.ndim == 3:
        kinds: dict[int, Kind] = {3: "rgb", 4: "rgba"}
        return kinds.get(frame.shape[2])
    return "gray16" if frame.dtype == np.uint16 and frame.ndim == 2 else None
