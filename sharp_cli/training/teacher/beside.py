"""Photos beside the scenes of the full phase, which would undo what photos taught of depth."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from sharp_cli.model.network import SharpNetwork
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.teacher.augment import crop, degrade, random_crops, recolor
from sharp_cli.training.teacher.config import MeasuredConfig
from sharp_cli.training.teacher.labels import read_labels
from sharp_cli.training.teacher.material import load_measured, look, without_held_out
from sharp_cli.training.teacher.sight import CELLS, layer_terms


class PhotosBeside:
    """Labeled photos and photos with measured depth; each micro-batch sees some at the network's full size."""

    def __init__(self, config: TrainConfig) -> None:
        """Read them.

        Raises:
            SharpError: a file cannot be read.
        """
        self.config = config.sight
        self.seed = config.seed
        self.labels = without_held_out(read_labels(Path(self.config.labels)))
        self.measured = load_measured(MeasuredConfig(self.config.measured), {})

    def batch(self, numbers: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Changed crops: (B, 3, side, side) in [0, 1] and (B, CELLS, CELLS) disparities, 0 where not known.

        Args:
            numbers: (N,) of the samples that they are seen beside; the same numbers give the same crops.
        """
        cells = min(CELLS, side // 2)
        config = self.config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(hash((self.seed, *numbers.tolist())) % 2**63)
            places = torch.randint(len(self.labels.images), (config.photos,))
            where, share = random_crops(config.photos, config.smallest)
            images = [crop(self.labels.images[places].float() / 255, where, side)]
            labeled = crop(self.labels.log_disparities[places][:, None].float(), where, cells, "nearest")[:, 0]
            disparities = [labeled.exp() / share[:, None, None]]
            if self.measured is not None and config.measured_photos:
                found, near = look(self.measured, config.measured_photos, config.smallest, side, cells)
                images.append(found)
                disparities.append(near)
            return degrade(recolor(torch.cat(images))), torch.cat(disparities)

    def terms(self, network: SharpNetwork, numbers: Tensor) -> dict[str, Tensor]:
        """Weighted terms of the loss of the network's disparity of them."""
        device = next(network.parameters()).device  # the numbers stay on the CPU
        images, true = (values.to(device) for values in self.batch(numbers, network.config.resolution))
        terms = layer_terms(network.predict_disparity(images), pooled(true, self.config.cells))
        return {f"photos_{name}": self.config.weight * term for name, term in terms.items()}


def pooled(disparity: Tensor, cells: int) -> Tensor:
    """(B, H, H) disparities, 0 where not known → means of what is known in each of ``cells`` × ``cells`` cells."""
    side = min(cells, disparity.shape[-1])
    known = F.adaptive_avg_pool2d((disparity > 0).float(), side)
    return F.adaptive_avg_pool2d(disparity, side) / known.clamp(min=1e-6)
