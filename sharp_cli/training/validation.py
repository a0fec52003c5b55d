"""How good the network is on samples it is not trained on, as inference would use it."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.metrics.depth import abs_rel, align_depth
from sharp_cli.metrics.image import psnr
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.data import collate
from sharp_cli.training.distributed import World
from sharp_cli.training.phases import novel_mask
from sharp_cli.training.state import State, mean_weights
from sharp_cli.training.step import to_device


@torch.no_grad()
def validate(
    phase: nn.Module, state: State, samples: Dataset[ViewPair], count: int, config: TrainConfig, world: World
) -> dict[str, float]:
    """Means over the validation set: the loss and its terms, AbsRel of the depth as it
    is and by the right factor (``abs_rel_aligned``), and of the novel view the PSNR [dB]
    over the pixels the input view's frame holds, beside that of the photo itself in its place (``psnr_unchanged``).

    With a moving mean of the weights, that is what is judged.
    """
    totals: dict[str, list[float]] = defaultdict(list)
    phase.eval()
    with mean_weights(state):
        for index in range(count):
            numbers, batch = collate([(index, samples[index])])
            batch = to_device(batch, world.device)
            outcome = phase(batch, numbers)
            found = {"loss": outcome.loss, **outcome.terms}
            pictures: dict[str, Tensor] = outcome.pictures
            if config.phase != "self":
                depth, far = pictures["depth"], config.data.scenes.far
                true = torch.where(pictures["depth_true"] < far, pictures["depth_true"], torch.inf)  # the sky has none
                found["abs_rel"] = abs_rel(depth, true).nanmean()
                found["abs_rel_aligned"] = abs_rel(align_depth(depth, true), true).nanmean()
            if config.phase == "full":
                mask = novel_mask(batch)
                found["psnr_novel"] = psnr(pictures["novel"], batch.novel_image, mask)
                found["psnr_unchanged"] = psnr(batch.photo, batch.novel_image, mask)
                found["psnr_input"] = psnr(pictures["input"], batch.input_image)
            for name, value in found.items():
                if value.isfinite().all():
                    totals[name].append(value.mean().item())
    phase.train()
    return {name: sum(values) / len(values) for name, values in totals.items()}
