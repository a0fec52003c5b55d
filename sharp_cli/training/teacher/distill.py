"""Teach an encoder of the network from labels: photos, synthetic pictures and photos with measured depth, all changed.

Three thousand photos are few for a ViT. So each look differs in crop and color, most looks leave patches out, and what
remains has to tell the teacher's features as well as disparity. The decoders have to be trained again after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.model.network import SharpNetwork
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.training.config import OptimizerConfig, TrainConfig
from sharp_cli.training.initial import start_network
from sharp_cli.training.schedule import build_optimizer, learning_rate
from sharp_cli.training.state import WEIGHTS, without_folders, write_trained
from sharp_cli.training.teacher.augment import crop, degrade, random_crops, recolor
from sharp_cli.training.teacher.config import DistillConfig
from sharp_cli.training.teacher.labels import Labels, read_labels
from sharp_cli.training.teacher.losses import WEIGHTS as TERM_WEIGHTS
from sharp_cli.training.teacher.losses import disparity_losses, floored
from sharp_cli.training.teacher.pictures import Pictures, draw, draw_into, read_measured
from sharp_cli.training.teacher.reader import CELLS, Reader
from sharp_cli.training.teacher.stage import Stage, run_stage
from sharp_cli.training.teacher.train import MEASURED_SIDE, VALIDATION

HELD_OUT = 20
"""One photo in so many is for validation."""
COLORS = 1.4
"""Colors change more than a teacher's do: its labels are of the unchanged picture."""
CLIP = 5.0


@dataclass(frozen=True)
class Material:
    """What an encoder is taught from, and what validation looks at."""

    labels: Labels | None
    synthetic: Pictures
    measured: Pictures | None
    held_out: dict[str, Pictures]


def distill(
    config: DistillConfig, folder: Path, tell: Callable[[str], None], stop: Callable[[], bool] = lambda: False
) -> bool:
    """Teach, or go on from the folder's checkpoint; runs on the CPU.

    Args:
        folder: gets ``checkpoint.pt``, and at the end ``weights.safetensors``, the start's with the taught encoder.
        tell: called with lines about the progress.
        stop: asked after each step; true ends the run with a checkpoint.

    Returns:
        Whether the last step was reached.

    Raises:
        SharpError: weights, labels, pictures or a checkpoint cannot be used.
    """
    keep_freed_memory()
    material = load_material(config)
    torch.manual_seed(config.seed)  # only now: drawing takes random numbers, reading what was drawn does not
    network, origin = start_network(TrainConfig(init=config.init))
    encoder = getattr(network.encoder, f"{config.encoder}_encoder")
    reader = Reader(encoder, 0 if material.labels is None else material.labels.features.shape[1])
    if config.encoder == "patch":
        keep_first_blocks(reader, network)
    rates = OptimizerConfig(config.lr, 0.02 * config.lr, config.warmup, muon=config.muon)
    settings = {key: value for key, value in asdict(config).items() if key not in ("drawn", "measured", "labels")}
    stage = Stage.of(reader, build_optimizer(reader, rates), {**settings, "kept": list(config.kept)})
    finished = run_stage(
        stage,
        folder,
        config.steps,
        lambda model: distill_losses(model, config, material),
        lambda step: learning_rate(step, config.steps, rates),
        ema=config.ema,
        clip=CLIP,
        save_every=config.save_every,
        validate=lambda model: validate(model, material.held_out),
        tell=tell,
        stop=stop,
    )
    if finished:
        assert isinstance(stage.mean, Reader)
        encoder.load_state_dict(stage.mean.encoder.state_dict())
        photos = config.batch if config.labels else 0
        samples = config.steps * (photos + config.synthetic_batch + config.measured_batch)
        entry = {
            "steps": stage.step,
            "samples": samples,
            "seconds": round(stage.seconds),
            "config": without_folders(settings),
        }
        write_trained(folder / WEIGHTS, network, origin, folder.resolve().name, entry)
    return finished


def keep_first_blocks(reader: Reader, network: SharpNetwork) -> None:
    """Of the patch encoder, train only what comes after the blocks that the fine maps are made of."""
    last = max(network.encoder.latent_blocks)
    trained = tuple(f"blocks.{block}." for block in range(last + 1, len(reader.encoder.blocks)))
    for name, parameter in reader.encoder.named_parameters():
        parameter.requires_grad_(name.startswith((*trained, "norm.")))


def load_material(config: DistillConfig) -> Material:
    """Labels, pictures, and what is held out of them."""
    drawn = config.drawn
    numbers = range(drawn.first, drawn.first + drawn.pairs)
    synthetic = draw_into(Path(drawn.folder), numbers, drawn.side, drawn.scenes, drawn.workers)
    held_out = {"synthetic": draw("validation", VALIDATION, drawn.side, drawn.scenes, drawn.workers)}
    labels = None
    if config.labels:
        every = read_labels(Path(config.labels))
        apart = every.photos % HELD_OUT == 0
        held_out["photos"] = Pictures(every.images[apart], every.log_disparities[apart].float().exp())
        labels = Labels(*(value[~apart] for value in every))
    measured = None
    if config.measured.folder:
        found = config.measured
        photos = read_measured(Path(found.folder), found.split, MEASURED_SIDE, found.focal)
        kept = len(photos.images) - round(found.held_out * len(photos.images))
        measured = Pictures(photos.images[:kept], photos.disparities[:kept])
        if kept < len(photos.images):
            held_out["measured"] = Pictures(photos.images[kept:], photos.disparities[kept:])
    return Material(labels, synthetic, measured, held_out)


def distill_losses(model: nn.Module, config: DistillConfig, material: Material) -> dict[str, Tensor]:
    """Weighted terms of the loss of a reader on the next batch."""
    assert isinstance(model, Reader)
    images, disparities, features = _batch(model, config, material)
    kept = _choose_patches(config, len(images), model.grid**2)
    with torch.autocast("cpu", torch.bfloat16):
        cells, told = model(degrade(recolor(images, COLORS)), kept)
    log_disparity, seen = model.to_map(cells, kept)
    known = disparities > 0
    terms = disparity_losses(log_disparity, floored(disparities, known), known & seen)
    losses = {name: TERM_WEIGHTS[name] * term.mean() for name, term in terms.items()}
    if features is None:
        return losses
    wanted = features.flatten(2).transpose(1, 2)
    if kept is not None:
        wanted = wanted.take_along_dim(kept[: len(wanted), :, None], dim=1)
    error = F.smooth_l1_loss(told[: len(wanted)], wanted, beta=0.5)
    return {**losses, "features": config.feature_weight * error}


def _batch(reader: Reader, config: DistillConfig, material: Material) -> tuple[Tensor, Tensor, Tensor | None]:
    """(B, 3, S, S) crops, labeled photos first, their (B, H, H) disparities, and the photos' (N, D, G, G) features."""
    images, disparities, features = [], [], None
    cells = CELLS * reader.grid
    if (labels := material.labels) is not None:
        places = torch.randint(len(labels.images), (config.batch,))
        where, share = random_crops(config.batch, config.smallest)
        images.append(crop(labels.images[places].float() / 255, where, reader.side))
        told = crop(labels.log_disparities[places][:, None].float(), where, cells, "nearest")[:, 0]
        disparities.append(told.exp() / share[:, None, None])
        features = crop(labels.features[places].float(), where, reader.grid)
    for pictures, count in ((material.synthetic, config.synthetic_batch), (material.measured, config.measured_batch)):
        if pictures is not None and count:
            found, near = pictures.pick(torch.randint(len(pictures.images), (count,)))
            where, share = random_crops(count, config.smallest)
            images.append(crop(found, where, reader.side))
            disparities.append(crop(near, where, cells, "nearest")[:, 0] / share[:, None, None])
    return torch.cat(images), torch.cat(disparities), features


def _choose_patches(config: DistillConfig, count: int, patches: int) -> Tensor | None:
    share = config.kept[int(torch.randint(len(config.kept), ()))]
    return torch.rand(count, patches).argsort(dim=1)[:, : int(share * patches)] if share < 1 else None


@torch.no_grad()
def validate(model: nn.Module, held_out: dict[str, Pictures]) -> dict[str, float]:
    """Shape error and correlation of whole pictures, by what they are."""
    assert isinstance(model, Reader)
    found: dict[str, float] = {}
    side = CELLS * model.grid
    for name, pictures in held_out.items():
        sums = {"shape": 0.0, "correlation": 0.0}
        for places in torch.arange(len(pictures.images)).split(64):
            images, disparities = pictures.pick(places)
            images = F.interpolate(images, (model.side, model.side), mode="bilinear", antialias=True)
            disparities = F.interpolate(disparities, (side, side), mode="nearest")[:, 0]
            known = disparities > 0
            log_disparity, _ = model.to_map(model(images)[0])
            terms = disparity_losses(log_disparity, floored(disparities, known), known)
            sums["shape"] += float(terms["shape"].sum())
            sums["correlation"] += float((1 - terms["correlation"]).sum())
        found |= {f"{name} {term}": value / len(pictures.images) for term, value in sums.items()}
    return found
