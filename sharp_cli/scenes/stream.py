"""Drawn pairs as a training wants them: one after another, resumable, and as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sharp_cli.scenes.config import DEFAULTS, SceneConfig
from sharp_cli.scenes.pair import ViewPair, make_pair

Split = Literal["train", "validation", "test"]

SEEDS: dict[str, range] = {
    "test": range(0, 10_000),
    "validation": range(10_000, 20_000),
    "train": range(1_000_000, 1_000_000 + 2**40),
}
"""No scene is in two of them."""


def seeds(split: Split) -> range:
    """The seeds of a split; disjoint from those of the others."""
    return SEEDS[split]


@dataclass(frozen=True)
class ScenePairs(Dataset[ViewPair]):
    """Pair number ``i`` of a split, for torch's DataLoader; drawn when asked for, never stored.

    A pair depends on its number only, so a training resumes exactly where it stopped, with any number of workers::

        DataLoader(ScenePairs("train", 512), sampler=range(step * 4, stop * 4), batch_size=4,
                   num_workers=2, collate_fn=stack_pairs)
    """

    split: Split
    size: int | tuple[int, int]
    """Side in pixels, or (height, width)."""
    config: SceneConfig = DEFAULTS

    def __len__(self) -> int:
        return len(seeds(self.split))

    def __getitem__(self, index: int) -> ViewPair:
        return make_pair(seeds(self.split)[index], self.size, self.config)


def stream(
    split: Split, size: int | tuple[int, int], config: SceneConfig = DEFAULTS, start: int = 0
) -> Iterator[ViewPair]:
    """Pairs number ``start``, ``start`` + 1, … of a split, in this process."""
    pairs = ScenePairs(split, size, config)
    for index in range(start, len(pairs)):
        yield pairs[index]


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
