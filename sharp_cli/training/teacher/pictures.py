"""Pictures with disparity in memory, to be used many times: synthetic ones with truth, photos with measured depth.

Disparity is focal length over picture width, divided by depth [m], so a crop as a longer lens has more of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from sharp_cli.datasets.measured_depth import measured_photos
from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write
from sharp_cli.scenes.bank import load_bank
from sharp_cli.scenes.config import SceneConfig
from sharp_cli.scenes.dataset import ScenePairs, Split

CHUNK = 1000
"""Pairs in a file of synthetic pictures."""


class Pictures(NamedTuple):
    """N square pictures."""

    images: Tensor
    """(N, 3, S, S) uint8 sRGB."""
    disparities: Tensor
    """(N, S/2, S/2) float16; 0 where not known."""

    def pick(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in [0, 1] and (B, 1, S/2, S/2) disparities, in float32."""
        return self.images[places].float() / 255, self.disparities[places][:, None].float()


def join(parts: list[Pictures]) -> Pictures:
    """Pictures of one size together."""
    return Pictures(*(torch.cat(values) for values in zip(*parts, strict=True)))


def both_views(pairs: list[ViewPair]) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """Photo and novel view of synthetic pairs, in the order of ``Pictures``; a ``collate_fn``."""
    images = [image for pair in pairs for image in (pair.photo, pair.novel.image)]
    views = [view for pair in pairs for view in (pair.input, pair.novel)]
    near = [view.K[0, 0] / view.depth.shape[1] / view.depth[::2, ::2].clip(1e-3) for view in views]
    return np.stack(images).transpose(0, 3, 1, 2), np.stack(near).astype(np.float16)


def draw(split: Split, numbers: range, side: int, scenes: SceneConfig, jobs: int) -> Pictures:
    """Both views of the synthetic pairs with these numbers."""
    load_bank(scenes.textures)  # here, so that each new worker process inherits it
    pairs = ScenePairs(split, side, scenes)
    loader = DataLoader(pairs, batch_size=10, sampler=numbers, num_workers=jobs, collate_fn=both_views)
    return Pictures(*(torch.from_numpy(np.concatenate(part)) for part in zip(*loader, strict=True)))


def draw_into(
    folder: Path, numbers: range, side: int, scenes: SceneConfig, jobs: int, split: Split = "train"
) -> Pictures:
    """Pictures of these numbers, generated into files of ``CHUNK`` pairs, or read from those there are.

    Raises:
        SharpError: a file cannot be read or written, or holds pictures of another size.
    """
    parts = []
    for start in range(numbers.start, numbers.stop, CHUNK):
        chunk = range(start, min(start + CHUNK, numbers.stop))
        name = "pictures" if split == "train" else split
        path = folder / f"{name}-{side}-{chunk.start}-{chunk.stop}.npz"
        if not path.exists():
            pictures = draw(split, chunk, side, scenes, jobs)
            with atomic_write(path, durable=False) as temporary, temporary.open("wb") as file:
                np.savez(file, **{name: value.numpy() for name, value in pictures._asdict().items()})
        parts.append(read_pictures(path))
    return join(parts)


def read_pictures(path: Path) -> Pictures:
    """A file of :func:`draw_into`.

    Raises:
        SharpError: it cannot be read.
    """
    try:
        with np.load(path) as stored:
            return Pictures(*(torch.from_numpy(stored[name]) for name in Pictures._fields))
    except (OSError, ValueError, KeyError) as error:
        raise SharpError(f"cannot read {path}: {error} (delete it to generate it again)") from error


def read_measured(folder: Path, split: str, side: int, focal: float) -> Pictures:
    """Photos with measured depth in meters, as squares.

    Args:
        folder: see :mod:`sharp_cli.datasets.measured_depth`.
        side: of the pictures [px].
        focal: focal length over width of the photos; an index does not hold it.
    """
    images, disparities = [], []
    for measured in measured_photos(folder, split):
        photo, inverse = measured.load()
        images.append(square(photo.pixels, side))
        near = focal * torch.from_numpy(inverse)[None, None]
        disparities.append(F.interpolate(near, (side // 2, side // 2), mode="nearest")[0, 0].half())
    return Pictures(torch.stack(images), torch.stack(disparities))


def square(pixels: NDArray[np.uint8], side: int, box: tuple[float, float, float, float] | None = None) -> Tensor:
    """(3, side, side) uint8 of a photo, or of a ``box`` in it: left, top, right, bottom [px]."""
    resized = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC, box=box)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)
