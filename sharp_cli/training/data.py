"""Samples by their number: which ones a step takes, and the processes that make them ready."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from sharp_cli.datasets.photo_folder import Photos, find_photos
from sharp_cli.datasets.posed import posed_folders
from sharp_cli.datasets.view_pair import PairBatch, ViewPair, stack_pairs
from sharp_cli.errors import SharpError
from sharp_cli.scenes.bank import check_textures
from sharp_cli.scenes.dataset import ScenePairs, seeds
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.distributed import World

SCENES_A_SEED = 2**24
"""How many synthetic scenes a run has to itself: one that starts from another's weights shall see new ones."""


class Samples(NamedTuple):
    """One micro-batch."""

    numbers: Tensor
    """(B,) of the samples within the run."""
    batch: PairBatch


@dataclass(frozen=True)
class Ordered(Dataset[tuple[int, ViewPair]]):
    """Sample number ``n`` of a run, for any n: synthetic scenes never repeat, not even in a run of another seed; files
    are shuffled again each time round."""

    pairs: Dataset[ViewPair]
    places: tuple[int, ...] | None
    """Which of the pairs are used; None for all of an endless supply, in order."""
    seed: int

    def place(self, number: int) -> int:
        """Which of the pairs sample ``number`` is."""
        if self.places is None:
            return (self.seed * SCENES_A_SEED + number) % len(self.pairs)  # type: ignore[arg-type]
        rounds, position = divmod(number, len(self.places))
        return self.places[np.random.default_rng((self.seed, rounds)).permutation(len(self.places))[position]]

    def __getitem__(self, number: int) -> tuple[int, ViewPair]:
        return number, self.pairs[self.place(number)]

    def describe(self, numbers: Sequence[int]) -> str:
        """The samples in words, so that they can be looked at again."""
        places = [self.place(number) for number in numbers]
        if self.places is None:
            return f"synthetic scenes of seed {', '.join(str(seeds('train')[place]) for place in places)}"
        if isinstance(self.pairs, Photos):
            return f"photos {', '.join(str(self.pairs.paths[place]) for place in places)}"
        return f"pairs number {', '.join(map(str, places))} of the data"


def training_samples(config: TrainConfig, size: int) -> Ordered:
    """The data of a run in pictures of this side, without what is held out.

    Raises:
        SharpError: there is nothing to train on, or no texture in a folder of such.
    """
    if config.data.kind == "scenes":
        check_textures(config.data.scenes.textures)
        return Ordered(ScenePairs("train", size, config.data.scenes), None, config.seed)
    pairs = _from_files(config, size)
    apart = set(_spread(len(pairs), config.log.samples))  # type: ignore[arg-type]
    kept = tuple(place for place in range(len(pairs)) if place not in apart)  # type: ignore[arg-type]
    return Ordered(pairs, kept, config.seed)


def held_out(config: TrainConfig, size: int) -> tuple[Dataset[ViewPair], int]:
    """What validation looks at, and how many: synthetic scenes of seeds that no training sees; of files, pairs or
    photos spread evenly, at most a tenth, which are kept from training (single pictures may be in other pairs)."""
    if config.data.kind == "scenes":
        return ScenePairs("validation", size, config.data.scenes), config.log.samples
    pairs = _from_files(config, size)
    places = _spread(len(pairs), config.log.samples)  # type: ignore[arg-type]
    return Subset(pairs, places), len(places)


def _spread(count: int, wanted: int) -> list[int]:
    number = min(wanted, count // 10)
    return [count * i // number for i in range(number)]


def _from_files(config: TrainConfig, size: int) -> Dataset[ViewPair]:
    path = Path(config.data.path)
    if config.data.kind == "photos":
        return Photos(tuple(find_photos(path)), size)
    return posed_folders(path, size)


@dataclass(frozen=True)
class Deal:
    """The sample numbers of one process's micro-batches from a step on, in order.

    A step's samples are the same whatever the number of processes; micro-batches are dealt to them in turn.
    """

    config: TrainConfig
    rank: int
    processes: int
    first_step: int

    def __iter__(self) -> Iterator[list[int]]:
        batch, micro_batch = self.config.batch, self.config.micro_batch
        for step in range(self.first_step, self.config.steps):
            for micro in range(self.rank, batch // micro_batch, self.processes):
                start = step * batch + micro * micro_batch
                yield list(range(start, start + micro_batch))


def micro_batches(
    samples: Ordered, config: TrainConfig, world: World, first_step: int
) -> Generator[Samples, None, None]:
    """This process's micro-batches from a step to the run's last, made ready by ``data.workers`` processes.

    Raises:
        SharpError: a sample cannot be made.
    """
    workers = config.data.workers
    loader: DataLoader[Any] = DataLoader(
        samples,
        batch_sampler=Deal(config, world.rank, world.size, first_step),
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_start_worker if workers else None,
        prefetch_factor=4 if workers else None,
        pin_memory=world.device.type == "cuda",
    )
    batches = iter(loader)
    try:
        yield from batches
    except SharpError as error:  # of a worker: torch gives the text of its traceback
        raise SharpError(str(error).strip().rpartition("SharpError: ")[2]) from None
    finally:
        if workers:  # which ignore what ends other processes, and would be waited for at the end of this one
            batches._shutdown_workers()  # type: ignore[attr-defined]


def collate(numbered: Sequence[tuple[int, ViewPair]]) -> Samples:
    """Samples as tensors."""
    return Samples(torch.tensor([number for number, _ in numbered]), stack_pairs([pair for _, pair in numbered]))


def _start_worker(_: int) -> None:
    # Ctrl-C, and what ends a cluster's job, reach every process; the main one finishes its step and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
