"""What the stages of teaching learn from: labeled photos, synthetic pictures, photos with measured depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.training.teacher.augment import crop, random_crops
from sharp_cli.training.teacher.config import DrawnConfig, MeasuredConfig, StudentConfig
from sharp_cli.training.teacher.labels import Labels, read_labels
from sharp_cli.training.teacher.losses import disparity_losses, floored
from sharp_cli.training.teacher.pictures import Pictures, draw_into, read_measured

VALIDATION = range(1000, 1150)
"""Numbers of the synthetic pairs that validation looks at."""
MEASURED_SIDE = 288
"""Photos with measured depth are kept larger than synthetic pictures, for their crops [px]."""
HELD_OUT = 20
"""One labeled photo in so many is for validation."""


@dataclass(frozen=True)
class Material:
    """What is learned from, and what validation looks at."""

    labels: Labels | None
    synthetic: Pictures
    measured: Pictures | None
    held_out: dict[str, Pictures]

    def batch(self, config: StudentConfig, side: int, cells: int, grid: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Random crops, labeled photos first.

        Args:
            config: how many of each, and how small crops may be.
            side: of the crops [px].
            cells: side of the disparity maps.
            grid: side of the feature maps.

        Returns:
            (B, 3, side, side) in [0, 1], (B, cells, cells) disparities, 0 where not known, and (N, D, grid, grid)
            features of the labeled photos, or None.
        """
        images, disparities, features = [], [], None
        if self.labels is not None and config.batch:
            places = torch.randint(len(self.labels.images), (config.batch,))
            where, share = random_crops(config.batch, config.smallest)
            images.append(crop(self.labels.images[places].float() / 255, where, side))
            labeled = crop(self.labels.log_disparities[places][:, None].float(), where, cells, "nearest")[:, 0]
            disparities.append(labeled.exp() / share[:, None, None])
            features = crop(self.labels.features[places].float(), where, grid)
        for pictures, count in ((self.synthetic, config.synthetic_batch), (self.measured, config.measured_batch)):
            if pictures is not None and count:
                found, near = look(pictures, count, config.smallest, side, cells)
                images.append(found)
                disparities.append(near)
        return torch.cat(images), torch.cat(disparities), features


def look(pictures: Pictures, count: int, smallest: float, side: int, cells: int) -> tuple[Tensor, Tensor]:
    """Random crops of random pictures at ``side`` pixels, and (B, cells, cells) disparities as of longer lenses."""
    images, disparities = pictures.pick(torch.randint(len(pictures.images), (count,)))
    where, share = random_crops(count, smallest)
    near = crop(disparities, where, cells, "nearest")[:, 0] / share[:, None, None]
    return crop(images, where, side), near


def load_material(config: StudentConfig) -> Material:
    """Everything that a configuration names.

    Raises:
        SharpError: a file cannot be read.
    """
    synthetic, held_out = load_synthetic(config.drawn)
    measured = load_measured(config.measured, held_out)
    labels = None
    if config.labels:
        every = read_labels(Path(config.labels))
        apart = every.photos % HELD_OUT == 0
        held_out["photos"] = Pictures(every.images[apart], every.log_disparities[apart].float().exp())
        labels = without_held_out(every)
    return Material(labels, synthetic, measured, held_out)


def without_held_out(labels: Labels) -> Labels:
    """Labels without those of photos that are for validation."""
    return Labels(*(value[labels.photos % HELD_OUT != 0] for value in labels))


def load_synthetic(drawn: DrawnConfig) -> tuple[Pictures, dict[str, Pictures]]:
    """Synthetic pictures to learn from, and those for validation by the name "synthetic"."""
    numbers = range(drawn.first, drawn.first + drawn.pairs)
    how = (drawn.side, drawn.scenes, drawn.workers)
    synthetic = draw_into(Path(drawn.folder), numbers, *how)
    return synthetic, {"synthetic": draw_into(Path(drawn.folder), VALIDATION, *how, split="validation")}


def load_measured(measured: MeasuredConfig, held_out: dict[str, Pictures]) -> Pictures | None:
    """Photos with measured depth to learn from, if any; the last ones go to ``held_out`` as "measured"."""
    if not measured.folder:
        return None
    photos = read_measured(Path(measured.folder), measured.split, MEASURED_SIDE, measured.focal)
    kept = len(photos.images) - round(measured.held_out * len(photos.images))
    if kept < len(photos.images):
        held_out["measured"] = Pictures(photos.images[kept:], photos.disparities[kept:])
    return Pictures(photos.images[:kept], photos.disparities[:kept])


@torch.no_grad()
def validate_disparity(
    predict: Callable[[Tensor], Tensor], held_out: dict[str, Pictures], side: int
) -> dict[str, float]:
    """Shape error and correlation of whole pictures, by what they are.

    Args:
        predict: (B, 3, side, side) in [0, 1] → (B, H, H) log disparity.
    """
    found: dict[str, float] = {}
    for name, pictures in held_out.items():
        sums = {"shape": 0.0, "correlation": 0.0}
        for places in torch.arange(len(pictures.images)).split(32):
            images, disparities = pictures.pick(places)
            log_disparity = predict(F.interpolate(images, (side, side), mode="bilinear", antialias=True))
            disparities = F.interpolate(disparities, log_disparity.shape[1:], mode="nearest")[:, 0]
            known = disparities > 0
            terms = disparity_losses(log_disparity, floored(disparities, known), known)
            sums["shape"] += float(terms["shape"].sum())
            sums["correlation"] += float((1 - terms["correlation"]).sum())
        found |= {f"{name} {term}": value / len(pictures.images) for term, value in sums.items()}
    return found
