"""Synthetic view pairs as a torch dataset, with disjoint splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch.utils.data import Dataset

from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.scenes.config import DEFAULTS, SceneConfig
from sharp_cli.scenes.pair import make_pair

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
    """Pair number ``i`` of a split, for torch's DataLoader; generated when asked for, never stored.

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
