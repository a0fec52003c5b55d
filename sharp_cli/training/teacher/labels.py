"""What teachers say of photos: views of them with disparity and features, kept in a file for many looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.photo import read_photo
from sharp_cli.runtime.files import atomic_write
from sharp_cli.training.teacher.augment import crop
from sharp_cli.training.teacher.decoder import Teacher
from sharp_cli.training.teacher.pictures import square

T = TypeVar("T")

SIDE, KEPT_SIDE = 192, 256
"""Of the views that teachers see, and of those that are kept: what learns from them may see them sharper [px]."""
AT_ONCE = 32
COMPONENTS = 192
"""Principal components that are kept of the features."""
SMALLEST, LARGEST = 0.35, 0.95
"""Shares of a photo's sides that a view shows, apart from the first, which shows all of it."""
FITTED = 600
"""Photos from which the components are found."""


class Labels(NamedTuple):
    """N views of photos, and what the teachers say of them."""

    images: Tensor
    """(N, 3, S, S) uint8 sRGB."""
    log_disparities: Tensor
    """(N, SIDE/2, SIDE/2) float16."""
    features: Tensor
    """(N, D, H, H) float16, of a size of about 1."""
    photos: Tensor
    """(N,) which photo each view is of."""


@dataclass(frozen=True)
class Components:
    """Features as their principal components, and the decoder's context; each divided by one common size."""

    mean: Tensor
    """(C,)."""
    deviation: Tensor
    """(C,)."""
    axes: Tensor
    """(C, D)."""
    size: float
    context_size: float

    @classmethod
    def of(cls, features: Tensor, context: Tensor) -> Components:
        """Find the components of (N, C) features; ``context`` may have any shape."""
        mean, deviation = features.mean(dim=0), features.std(dim=0) + 1e-3
        normal = (features - mean) / deviation
        _, _, axes = torch.pca_lowrank(normal, min(COMPONENTS, *normal.shape), niter=3)
        return cls(mean, deviation, axes, float((normal @ axes).std()), float(context.std()))

    def __call__(self, features: Tensor, context: Tensor) -> Tensor:
        """(B, C, H, W) features and (B, E, H, W) context → (B, D + E, H, W)."""
        normal = (features.permute(0, 2, 3, 1) - self.mean) / self.deviation
        components = (normal @ self.axes / self.size).permute(0, 3, 1, 2)
        return torch.cat([components, context / self.context_size], dim=1)


def label_photos(
    teachers: Sequence[Teacher],
    paths: Sequence[Path],
    views: Callable[[Path], int],
    log: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> Labels:
    """Look at photos whole and at views of them.

    A view's label is the mean, in log disparity, of what the teachers say of it and of what they say of the whole photo
    there: the one has more detail, the other more of what is around. Features are those of the first teacher.

    Args:
        views: how many views to take of a photo; the first is the whole photo.
        stop: asked before each look; true ends it.

    Raises:
        SharpError: a photo cannot be read.
        KeyboardInterrupt: it was stopped.
    """
    torch.manual_seed(0)
    pixels = [read_photo(path).pixels for path in _until(stop, paths)]
    whole = torch.stack([square(picture, SIDE) for picture in pixels])
    disparities = torch.cat([_mirrored(teachers, part) for part in _until(stop, whole.split(AT_ONCE))])
    log(f"{len(paths)} photos seen whole")
    components = _components(teachers[0], whole[torch.randperm(len(whole))[:FITTED]])
    images, from_whole, photos = [], [], []
    for photo, (path, picture) in enumerate(zip(paths, pixels, strict=True)):
        for box in _boxes(views(path)):
            left, top, width, height = box
            rows, columns = picture.shape[:2]
            pixel_box = (left * columns, top * rows, (left + width) * columns, (top + height) * rows)
            images.append(square(picture, KEPT_SIDE, pixel_box))
            where = torch.tensor([[[width, 0, 2 * left + width - 1], [0, height, 2 * top + height - 1]]])
            from_whole.append(crop(disparities[photo][None, None], where, SIDE // 2)[0, 0] - np.log(width))
            photos.append(photo)
    looks = zip(torch.stack(images).split(AT_ONCE), torch.stack(from_whole).split(AT_ONCE), strict=True)
    parts = [_label(teachers, components, some, around) for some, around in _until(stop, looks)]
    log_disparities, features = (torch.cat(values) for values in zip(*parts, strict=True))
    log(f"{len(images)} views labeled")
    return Labels(torch.stack(images), log_disparities, features, torch.tensor(photos))


def _until(stop: Callable[[], bool], items: Iterable[T]) -> Iterator[T]:
    """The items, as long as nothing wants to stop."""
    for item in items:
        if stop():
            raise KeyboardInterrupt
        yield item


def write_labels(path: Path, labels: Labels, record: dict[str, str]) -> None:
    """Write labels, whole or not at all.

    Args:
        record: where they come from, for the file's header.
    """
    with atomic_write(path) as temporary:
        save_file({name: value.contiguous() for name, value in labels._asdict().items()}, temporary, record)


def read_labels(path: Path) -> Labels:
    """Read a file of :func:`write_labels`.

    Raises:
        SharpError: it is missing or holds something else.
    """
    try:
        tensors = load_file(path)
        return Labels(*(tensors[name] for name in Labels._fields))
    except (OSError, SafetensorError, KeyError) as error:
        raise SharpError(f"cannot read the labels {path}: {error}") from error


def _boxes(count: int) -> Iterator[tuple[float, float, float, float]]:
    """Left, top, width and height as shares of the photo: all of it, then random parts."""
    yield 0.0, 0.0, 1.0, 1.0
    for _ in range(count - 1):
        share = SMALLEST + (LARGEST - SMALLEST) * float(torch.rand(()))
        aspect = float((0.2 * torch.randn(())).exp())
        width, height = min(1.0, share * aspect**0.5), min(1.0, share / aspect**0.5)
        left, top = float(torch.rand(())) * (1 - width), float(torch.rand(())) * (1 - height)
        yield left, top, width, height


@torch.no_grad()
def _mirrored(teachers: Sequence[Teacher], images: Tensor) -> Tensor:
    """(B, S/2, S/2) mean log disparity of all teachers, of pictures and their mirror images."""
    pictures = images.float() / 255
    predicted = [teacher(pictures) for teacher in teachers]
    predicted += [teacher(pictures.flip(3)).flip(2) for teacher in teachers]
    return torch.stack(predicted).mean(dim=0)


@torch.no_grad()
def _components(teacher: Teacher, images: Tensor) -> Components:
    seen = [teacher.see(part.float() / 255)[1:] for part in images.split(AT_ONCE)]
    features, context = (torch.cat(maps) for maps in zip(*seen, strict=True))
    return Components.of(features.permute(0, 2, 3, 1).flatten(0, 2)[::4], context)


@torch.no_grad()
def _label(
    teachers: Sequence[Teacher], components: Components, images: Tensor, around: Tensor
) -> tuple[Tensor, Tensor]:
    """Labels of views; ``around`` is what the whole photos say of them."""
    pictures = F.interpolate(images.float() / 255, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
    predicted, features, context = teachers[0].see(pictures)
    predicted = torch.stack([predicted, *(teacher(pictures) for teacher in teachers[1:])]).mean(dim=0)
    return ((predicted + around) / 2).half(), components(features, context).half()
