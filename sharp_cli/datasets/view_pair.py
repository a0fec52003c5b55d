"""Two posed views of a scene with depth: what training and evaluation read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class View:
    """One posed picture with depth."""

    image: NDArray[np.uint8]
    """(H, W, 3) sRGB, 0..255."""
    depth: NDArray[np.float32]
    """(H, W) z of what the pixel's center shows [m]: exact, not antialiased; the sky has the configuration's ``far``.
    In views read from files, 0 where it is not known."""
    K: NDArray[np.float64]
    """(3, 3) intrinsics in pixels of this size, pixel centers at half integers."""
    viewmat: NDArray[np.float64]
    """(4, 4) from the input camera's frame to this one's; OpenCV: x right, y down, z forward."""


@dataclass(frozen=True, eq=False)
class ViewPair:
    """What the network is trained on: it sees one view and has to explain both."""

    input: View
    """At the origin: its ``viewmat`` is the identity."""
    novel: View
    photo: NDArray[np.uint8]
    """(H, W, 3) sRGB: the input picture as a phone would have stored it."""
    layout: str = ""
    """The kind of a synthetic scene; empty for pictures from files."""


class PairBatch(NamedTuple):
    """B pairs on the CPU; float32."""

    photo: Tensor
    """(B, 3, H, W) sRGB in [0, 1]: what the network sees."""
    input_image: Tensor
    """(B, 3, H, W) the same view without a camera's noise: what its render is compared with."""
    input_depth: Tensor
    """(B, 1, H, W) [m]; 0 where not known."""
    novel_image: Tensor
    """(B, 3, H, W)."""
    novel_depth: Tensor
    """(B, 1, H, W) [m]; 0 where not known."""
    input_intrinsics: Tensor
    """(B, 3, 3) K [px]."""
    novel_intrinsics: Tensor
    """(B, 3, 3) K [px]."""
    novel_viewmat: Tensor
    """(B, 4, 4) from the input camera's frame to the novel one's."""


def stack_pairs(pairs: Sequence[ViewPair]) -> PairBatch:
    """Pairs of one size as tensors; a ``collate_fn``."""

    def images(pictures: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255

    def arrays(values: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(values).astype(np.float32))

    return PairBatch(
        photo=images([pair.photo for pair in pairs]),
        input_image=images([pair.input.image for pair in pairs]),
        input_depth=arrays([pair.input.depth[None] for pair in pairs]),
        novel_image=images([pair.novel.image for pair in pairs]),
        novel_depth=arrays([pair.novel.depth[None] for pair in pairs]),
        input_intrinsics=arrays([pair.input.K for pair in pairs]),
        novel_intrinsics=arrays([pair.novel.K for pair in pairs]),
        novel_viewmat=arrays([pair.novel.viewmat for pair in pairs]),
    )
