"""Teach one of a small network's encoders by itself how far away things are, from drawn pictures used many times.

    python benchmarks/distance.py START.safetensors OUT.safetensors [--encoder patch] [--pairs 9000] [--drawn FILE.npz]

To tell near scenes from far ones takes more pictures than the phases of `sharp train` can show in the same time. Here
nothing else runs: each picture is flipped, cropped and recoloured, most of its patches are left out, and what remains
has to tell the distances in every patch and in the whole, how they vary within a patch, and the kind of scene. The
image encoder sees most of the picture each time, the patch encoder windows of any size. OUT is START with the
encoder's moving mean; the decoders have to be trained again after it:

    sharp train preview-coarsest --set init=OUT.safetensors --set trainable=frozen-backbone …

First, the encoder left as it is, a twentieth as many steps teach the heads alone to read it. Every 300 steps it says
how well distances of 400 held-out pairs are told.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.errors import SharpError
from sharp_cli.model.vit import WindowViT
from sharp_cli.runtime.files import atomic_write
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.scenes import ScenePairs, Split
from sharp_cli.scenes.layouts import LAYOUTS
from sharp_cli.training.config import OptimizerConfig, TrainConfig, TrainingPrecision
from sharp_cli.training.initial import start_network
from sharp_cli.training.precision import choose_training_dtype
from sharp_cli.training.schedule import build_optimizer, learning_rate, mean_decay, update_mean
from sharp_cli.training.state import write_trained

KINDS = list(LAYOUTS)
NEAREST, LOGARITHMS = 4.5, (-7.0, 1.5)
"""Disparities, focal length over width by depth, are cut off here, and so are their natural logarithms."""


class Pictures(NamedTuple):
    """Both views of drawn pairs."""

    images: Tensor
    """(N, 3, S, S) uint8 sRGB."""
    disparities: Tensor
    """(N, S/2, S/2) float16: focal length over width, by depth."""
    kinds: Tensor
    """(N,) places in ``KINDS``."""


class Told(NamedTuple):
    """What is said of B pictures, or what is true of them; distances as natural logarithms of disparity."""

    patches: Tensor
    """(B, P) of every patch."""
    disparities: Tensor
    """(B, P) the same without the logarithm: here what is near counts most."""
    cells: Tensor
    """(B, P, C) of every 2 × 2 pixels, row by row, against their patch's."""
    whole: Tensor
    """(B,) of the picture."""

    def only(self, kept: Tensor) -> Told:
        """What is said of the patches ``kept`` (B, K) alone, and of the whole."""
        patches, disparities = self.patches.gather(1, kept), self.disparities.gather(1, kept)
        return Told(patches, disparities, self.cells.take_along_dim(kept[..., None], dim=1), self.whole)


class Reader(nn.Module):
    """The encoder with linear layers that tell from its tokens what it has seen."""

    def __init__(self, encoder: WindowViT) -> None:
        super().__init__()
        self.encoder = encoder
        (self.grid, _), (self.side, _) = encoder.patch_embed.grid_size, encoder.patch_embed.img_size
        width = encoder.embed_dim
        self.patches, self.disparities, self.whole = (nn.Linear(width, 1) for _ in range(3))
        self.cells = nn.Linear(width, (encoder.patch_embed.patch_size[0] // 2) ** 2)
        self.kinds = nn.Linear(width, len(KINDS))
        for layer in (self.patches, self.disparities, self.cells, self.whole, self.kinds):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for layer, start in ((self.patches, -1.5), (self.disparities, 0.5), (self.whole, -1.5)):
            nn.init.constant_(layer.bias, start)

    def forward(self, images: Tensor, kept: Tensor | None = None) -> tuple[Told, Tensor]:
        """(B, 3, S, S) pictures in [-1, 1], of which only the patches ``kept`` (B, P) are seen; and (B, K) scores."""
        vit = self.encoder
        tokens = vit._pos_embed(vit.patch_embed(images))
        first = tokens.shape[1] - vit.patch_embed.num_patches
        if kept is not None:
            seen = torch.cat([torch.arange(first).expand(len(kept), first), kept + first], dim=1)
            tokens = tokens.take_along_dim(seen[..., None], dim=1)
        tokens = vit.norm(vit.blocks(vit.norm_pre(tokens)))[:, first:]
        mean = tokens.mean(dim=1)
        patches, disparities, whole = self.patches(tokens), self.disparities(tokens), self.whole(mean)
        told = (patches[..., 0], disparities[..., 0], self.cells(tokens), whole[..., 0])
        return Told(*(value.float() for value in told)), self.kinds(mean).float()


def as_pictures(pairs: list[ViewPair]) -> tuple[NDArray[np.uint8], NDArray[np.float16], NDArray[np.int64]]:
    """What is kept of drawn pairs, in the order of ``Pictures``; a ``collate_fn``."""
    images = [image for pair in pairs for image in (pair.photo, pair.novel.image)]
    views = [view for pair in pairs for view in (pair.input, pair.novel)]
    near = [view.K[0, 0] / view.depth.shape[1] / view.depth[::2, ::2].clip(1e-3) for view in views]
    kinds = [KINDS.index(pair.layout) for pair in pairs for _ in range(2)]
    return np.stack(images).transpose(0, 3, 1, 2), np.stack(near).astype(np.float16), np.array(kinds)


def draw_pictures(split: Split, numbers: range, side: int, jobs: int) -> Pictures:
    """The pairs of these numbers in a split."""
    pairs = ScenePairs(split, side)
    loader = DataLoader(pairs, batch_size=16, sampler=numbers, num_workers=jobs, collate_fn=as_pictures)
    return Pictures(*(torch.from_numpy(np.concatenate(part)) for part in zip(*loader, strict=True)))


def keep_drawn(path: Path | None, numbers: range, side: int, jobs: int) -> Pictures:
    """The training pairs of these numbers, from a file of an earlier run, or drawn and kept there."""
    if path and path.exists():
        with np.load(path) as kept:
            if tuple(kept["drawn"]) != (numbers.start, numbers.stop, side):
                raise SharpError(f"{path} holds other pictures than these options want.")
            return Pictures(*(torch.from_numpy(kept[name]) for name in Pictures._fields))
    pictures = draw_pictures("train", numbers, side, jobs)
    if path:
        arrays = {name: value.numpy() for name, value in pictures._asdict().items()}
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, drawn=(numbers.start, numbers.stop, side), **arrays)
    return pictures


def change(images: Tensor, disparities: Tensor, side: int, windows: bool) -> tuple[Tensor, Tensor]:
    """Pictures in [0, 1], flipped, recoloured and cropped to ``side`` pixels, as a longer lens would, each its own way.

    ``windows`` have any share of the picture's side from 0.3 on, otherwise 0.6, and the whole of it for three in ten.
    """
    count = len(images)
    if windows:
        share = 0.3 ** torch.rand(count)
    else:
        share = torch.where(torch.rand(count) < 0.7, 0.6 + 0.4 * torch.rand(count), torch.ones(count))
    where = torch.zeros(count, 2, 3)
    where[:, 0, 0] = share * (1 - 2 * torch.randint(2, (count,)))
    where[:, 1, 1] = share
    where[:, :, 2] = (2 * torch.rand(count, 2) - 1) * (1 - share)[:, None]

    def crop(maps: Tensor, side: int, mode: str) -> Tensor:
        grid = F.affine_grid(where, [*maps.shape[:2], side, side], align_corners=False)
        return F.grid_sample(maps, grid, mode, "border", align_corners=False)

    gamma, gain = (0.2 * torch.randn(count, 1, 1, 1)).exp(), (0.1 * torch.randn(count, 3, 1, 1)).exp()
    images = (crop(images, side, "bilinear").clamp(min=1e-4) ** gamma * gain).clamp(max=1)
    return images, crop(disparities[:, None], side // 2, "nearest")[:, 0] / share[:, None, None]


def measure(disparities: Tensor, grid: int) -> Told:
    """What is true of (B, H, H) disparities whose pictures have ``grid`` patches a side."""
    near = disparities.clamp(1e-4, NEAREST)
    cell = near.shape[1] // grid
    cells = near.unflatten(1, (grid, cell)).unflatten(3, (grid, cell)).transpose(2, 3).flatten(3).flatten(1, 2)
    middle = cells.median(dim=2).values
    patches = middle.log().clamp(*LOGARITHMS)
    whole = near.flatten(1).median(1).values.log().clamp(*LOGARITHMS)
    return Told(patches, middle, cells.log().clamp(*LOGARITHMS) - patches[..., None], whole)


def judge(told: Told, true: Told, scores: Tensor, kinds: Tensor) -> Tensor:
    """The loss: absolute errors of all that is told, of the patches' mean once more, of the cells, which are small,
    four times in all, and the wrong kinds of scene."""
    errors = [(a - b).abs().mean() for a, b in zip(told, true, strict=True)]
    errors.append((told.patches.mean(1) - true.patches.mean(1)).abs().mean())
    errors.append(3 * (told.cells - true.cells).abs().mean())
    return torch.stack(errors).sum() + 0.5 * F.cross_entropy(scores, kinds)


def shuffled(count: int, batch: int) -> Iterator[Tensor]:
    """Endless batches of places; each place once a round."""
    while True:
        yield from torch.randperm(count)[: count // batch * batch].split(batch)


def train(encoder: WindowViT, pictures: Pictures, held_out: Pictures, options: argparse.Namespace) -> WindowViT:
    """The trained encoder: the moving mean of its weights."""
    config = OptimizerConfig(lr=options.lr, final_lr=0.02 * options.lr, warmup=60, ema=0.995, muon=20.0)
    reader = Reader(encoder)
    mean = copy.deepcopy(reader)
    averages = dict(mean.named_parameters())
    dtype = choose_training_dtype(options.precision, torch.device("cpu"))
    batches, windows = shuffled(len(pictures.images), options.batch), options.encoder == "patch"

    def follow(steps: int) -> None:
        optimizer, begun = build_optimizer(reader, config), time.monotonic()
        for step in range(steps):
            places = next(batches)
            images, disparities = pictures.images[places] / 255, pictures.disparities[places].float()
            images, disparities = change(images, disparities, reader.side, windows)
            true, kept = measure(disparities, reader.grid), None
            if options.keep < 1:
                kept = torch.rand(true.patches.shape).argsort(dim=1)[:, : int(options.keep * reader.grid**2)]
                true = true.only(kept)
            with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                told, scores = reader(2 * images - 1, kept)
            optimizer.zero_grad()
            judge(told, true, scores, pictures.kinds[places]).backward()
            nn.utils.clip_grad_norm_(reader.parameters(), 5.0)
            optimizer.step(learning_rate(step, steps, config))
            update_mean(averages, reader.named_parameters(), mean_decay(step, config.ema))
            if (step + 1) % 300 == 0 or step + 1 == steps:
                rate = (step + 1) * options.batch / (time.monotonic() - begun)
                print(f"[{step + 1}/{steps}] {examine(mean, held_out, windows)}; {rate:.0f} pictures/s", flush=True)

    encoder.requires_grad_(False)
    follow(options.steps // 20)
    encoder.requires_grad_(True)
    follow(options.steps)
    return mean.encoder


@torch.no_grad()
def examine(reader: Reader, pictures: Pictures, windows: bool) -> str:
    """How well distances and kinds of whole pictures, or distances in windows of half their size, are told.

    Launches, the farthest by far, are left out.
    """
    side = reader.side
    apart = pictures.kinds != KINDS.index("launch")
    told, true, right = [], [], []
    for images, disparities, kinds in zip(*(part[apart].split(100) for part in pictures), strict=True):
        maps = [images.float(), disparities[:, None].float()]
        if windows:
            middles = (slice(size // 4, size - size // 4) for size in (images.shape[-1], disparities.shape[-1]))
            maps = [whole[..., middle, middle] for whole, middle in zip(maps, middles, strict=True)]
        images = F.interpolate(maps[0], (side, side), mode="bilinear", align_corners=False)
        near = F.interpolate(maps[1], (side // 2, side // 2), mode="nearest")[:, 0]
        answer, scores = reader(images / 127.5 - 1)
        told.append(answer)
        true.append(measure(2 * near if windows else near, reader.grid))
        right.append(scores.argmax(1) == kinds)
    said, facts = (Told(*(torch.cat(part) for part in zip(*answers, strict=True))) for answers in (told, true))
    correlation = torch.corrcoef(torch.stack([said.whole, facts.whole]))[0, 1]
    apart_by = said.patches - facts.patches
    shape = (apart_by - apart_by.median(dim=1, keepdim=True).values).abs().mean()
    scale, cells = ((a - b).abs().mean() for a, b in ((said.whole, facts.whole), (said.cells, facts.cells)))
    return (
        f"log distances correlate by {correlation:.3f}, are off by {scale:.3f}, in patches against each other by "
        f"{shape:.3f}, within patches by {cells:.4f} of {facts.cells.abs().mean():.4f}; "
        f"{torch.cat(right).float().mean():.0%} of the kinds of scene are right"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--encoder", choices=("image", "patch"), default="image")
    parser.add_argument("--pairs", type=int, default=9_000)
    parser.add_argument("--first", type=int, default=4_000_000, help="number of the first training scene")
    parser.add_argument("--steps", type=int, default=4200)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--keep", type=float, default=0.25, help="share of the patches that are seen")
    parser.add_argument("--lr", type=float, default=7e-4)
    parser.add_argument("--precision", choices=get_args(TrainingPrecision), default="auto")
    parser.add_argument("--side", type=int, default=256, help="of the drawn pictures, in pixels")
    parser.add_argument("--drawn", type=Path, help="a .npz to keep the drawn pictures in, or to take them from")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(options.first)
    network, origin = start_network(TrainConfig(init=str(options.start)))
    numbers = range(options.first, options.first + options.pairs)
    pictures = keep_drawn(options.drawn, numbers, options.side, options.jobs)
    held_out = draw_pictures("validation", range(1000, 1400), options.side, options.jobs)
    begun = time.monotonic()
    encoder = getattr(network.encoder, f"{options.encoder}_encoder")
    encoder.load_state_dict(train(encoder, pictures, held_out, options).state_dict())
    told = {name: getattr(options, name) for name in ("encoder", "pairs", "first", "side", "batch", "keep", "lr")}
    training = {
        "steps": options.steps,
        "samples": options.steps * options.batch,
        "seconds": round(time.monotonic() - begun),
        "config": {"phase": "distance", **told},
    }
    write_trained(options.out, network, origin, options.out.stem, training)


if __name__ == "__main__":
    main()
