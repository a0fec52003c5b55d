"""The paper's ablations at a small scale: one training each from the same weights, on the same synthetic scenes.

    python benchmarks/ablations.py --init DEPTH_RUN/weights.safetensors --out ablations [--set precision=bf16]

Each variant takes as many steps (the default some four minutes on two idle cores) with the `preview` preset's network
and the paper's base losses, and is evaluated on the same held-out scenes as inference would do it. All train the whole
network, but for the frozen encoder; the paper's never train the patch encoder. Finished ones are kept in OUT/NAME.json
and not repeated; OUT/scenes, some 4 MB a scene, may be deleted once all are done. Changes are means of the differences
scene by scene; the paper's regularizers are compared with its perceptual loss, which is left out if no pretrained
ResNet-50 can be downloaded.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from sharp_cli.datasets.view_pair import PairBatch, View, ViewPair
from sharp_cli.errors import SharpError
from sharp_cli.metrics.depth import abs_rel, align_depth
from sharp_cli.metrics.image import psnr, ssim
from sharp_cli.model.base import BaseGaussians, base_gaussians, normalize_depth
from sharp_cli.model.compose import compose_gaussians
from sharp_cli.model.config import LAYERS, STRIDE
from sharp_cli.model.depth import depth_from_disparity
from sharp_cli.model.gaussian_decoder import GEOMETRY, TEXTURE
from sharp_cli.model.network import Prediction
from sharp_cli.runtime.files import atomic_write
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.scenes import ScenePairs
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.configfile import load_config
from sharp_cli.training.data import Ordered, collate, micro_batches
from sharp_cli.training.distributed import World
from sharp_cli.training.freezing import freeze
from sharp_cli.training.initial import start_network
from sharp_cli.training.losses.config import LossWeights
from sharp_cli.training.losses.depth import grad_loss
from sharp_cli.training.losses.image import fill_masked
from sharp_cli.training.losses.total import RenderedView, loss_terms, weighted_sum
from sharp_cli.training.perceptual import load_features
from sharp_cli.training.phases import FullPhase, disparity_factor, novel_mask, render_pair
from sharp_cli.training.schedule import build_optimizer
from sharp_cli.training.state import State
from sharp_cli.training.step import take_step

COLUMNS = {"psnr": 2, "ssim": 3, "psnr_input": 2, "abs_rel_aligned": 3}
MEASURES = {"psnr": "novel PSNR", "ssim": "novel SSIM", "ms": "render time, ratio"}
VIEWS = ("input", "novel")
REGULARIZERS = ("tv", "grad", "delta", "splat", "scale", "grad_scale")


class PlainPhase(FullPhase):
    """Base Gaussians without the Gaussian decoder: only depth is learned."""

    def predict(self, batch: PairBatch, true_depth: Tensor | None = None) -> Prediction:
        network, adjustment = self.network, None
        depth = depth_from_disparity(network.predict_disparity(batch.photo), disparity_factor(batch))
        if true_depth is not None:
            adjustment = network.depth_adjustment(depth[:, :1], true_depth)
            depth = depth * adjustment
        normalized, unit = normalize_depth(depth)
        base = base_gaussians(batch.photo, normalized)
        delta = depth.new_zeros(len(depth), GEOMETRY + TEXTURE, *base.scale.shape[1:])
        return Prediction(compose_gaussians(base, delta, unit), depth, delta, adjustment)


class QuarterPhase(FullPhase):
    """A quarter of the Gaussians: one per layer and 4 × 4 pixels.

    Base Gaussians are placed as the network's own at twice its stride. Their deltas are means of 2 × 2, which is the
    heads' last layer on means of the features.
    """

    def predict(self, batch: PairBatch, true_depth: Tensor | None = None) -> Prediction:
        whole = super().predict(batch, true_depth)
        normalized, unit = normalize_depth(whole.depth)
        fine = base_gaussians(batch.photo, normalized)
        nearest, side = F.max_pool2d(fine.inverse_depth, 2), 2 * STRIDE
        base = BaseGaussians(
            x_ndc=fine.x_ndc.unflatten(0, (-1, 2)).mean(dim=1),
            inverse_depth=nearest,
            scale=(2.0 * side / batch.photo.shape[-1]) / nearest,
            color=F.avg_pool2d(fine.color, 2),
        )
        delta = F.avg_pool2d(whole.delta.flatten(1, 2), 2).unflatten(1, (-1, LAYERS))
        return whole._replace(gaussians=compose_gaussians(base, delta, unit), delta=delta)

    def judge(
        self, prediction: Prediction, seen: RenderedView | None, novel: RenderedView, true_depth: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        losses = self.config.losses
        plain = replace(losses, weights=replace(losses.weights, grad=0.0))
        terms = loss_terms(prediction, seen, novel, true_depth, self._features[0], plain)
        if losses.weights.grad:  # it expects an opacity for every cell of the network's own stride
            cells = prediction.gaussians.opacities.unflatten(1, prediction.delta.shape[2:])
            opacities = cells.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3).flatten(1)
            terms["grad"] = grad_loss(opacities, prediction.depth, losses.grad_layer, losses.grad_unit)
        return weighted_sum(terms, losses.weights), {name: term.detach() for name, term in terms.items()}


class Paper(NamedTuple):
    """On ScanNet++ (arXiv 2512.10685, ablations)."""

    psnr: float
    ssim: float
    ms: float | None = None
    """Median render time of a frame."""


@dataclass(frozen=True)
class Variant:
    title: str
    beside: str
    """The variant that it is compared with."""
    paper: Paper | None
    without: tuple[str, ...] = ()
    """Losses that it leaves out."""
    settings: tuple[tuple[str, Any], ...] = ()
    phase: Callable[..., FullPhase] = FullPhase


VARIANTS = {
    "color": Variant("color + alpha", "", Paper(18.18, 0.768, 22.2), ("depth", "percep", *REGULARIZERS)),
    "depth": Variant("+ depth", "color", Paper(22.95, 0.844, 12.2), ("percep", *REGULARIZERS)),
    "percep": Variant("+ perceptual", "depth", Paper(23.65, 0.843, 6.2), REGULARIZERS),
    "base": Variant("+ regularizers (base)", "percep", Paper(22.61, 0.829, 5.5)),
    "no-adjustment": Variant(
        "no depth adjustment", "base", Paper(22.89, 0.838), settings=(("adjust_depth", False),)
    ),
    "no-decoder": Variant("base Gaussians, no decoder", "base", None, phase=PlainPhase),
    "quarter": Variant("a quarter of the Gaussians", "base", Paper(22.00, 0.822), phase=QuarterPhase),
    "frozen": Variant(
        "frozen encoder", "base", Paper(22.21, 0.833), settings=(("trainable", "frozen-backbone"),)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Kept(Dataset[ViewPair]):
    """Synthetic pairs, each generated once and then read from a file."""

    pairs: ScenePairs
    folder: Path

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> ViewPair:
        path = self.folder / f"{self.pairs.split}-{index}.npz"
        if not path.exists():
            pair = self.pairs[index]
            arrays = {f"{view}.{key}": value for view in VIEWS for key, value in vars(getattr(pair, view)).items()}
            with atomic_write(path) as temporary, temporary.open("wb") as file:
                np.savez(file, photo=pair.photo, **arrays)
        with np.load(path) as kept:
            known = {view: View(**{key: kept[f"{view}.{key}"] for key in View.__dataclass_fields__}) for view in VIEWS}
            return ViewPair(**known, photo=kept["photo"])


def configure(variant: Variant, options: argparse.Namespace) -> TrainConfig:
    """The ``preview`` preset with the paper's base losses, less what the variant leaves out."""
    config = load_config("preview", ["adjust_depth=true", *options.set])
    without = variant.without if options.features else (*variant.without, "percep")
    weights = replace(LossWeights(), **dict.fromkeys(without, 0.0))
    return replace(
        config,
        init=options.init,
        steps=options.steps,
        losses=replace(config.losses, weights=weights),
        depth_in_full=0.0,
        optimizer=replace(config.optimizer, warmup=min(config.optimizer.warmup, options.steps // 5), ema=0.0),
        **dict(variant.settings),
    )


def run(variant: Variant, options: argparse.Namespace) -> dict[str, Any]:
    """Train and evaluate one variant: what its JSON file holds."""
    config, world = configure(variant, options), World(0, 1, torch.device("cpu"))
    network, origin = start_network(config)
    network.backbone_dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    phase = variant.phase(network, config, options.features if config.losses.weights.percep else None)
    freeze(network, config)
    state = State(network, build_optimizer(network, config.optimizer), {}, origin)
    size, scenes = network.config.resolution, config.data.scenes
    source = Ordered(Kept(ScenePairs("train", size, scenes), options.out / "scenes"), None, config.seed)
    batches, begun = micro_batches(source, config, world, 0), time.monotonic()
    while state.step < config.steps:
        step = take_step(phase.train(), state, batches, config, world, source)
        print(f"\r{variant.title}: step {state.step}, loss {step.numbers['loss']:.3f}", end="", flush=True)
    seconds = time.monotonic() - begun
    print(f", {seconds:.0f} s")
    held_out = Kept(ScenePairs("test", size, scenes), options.out / "scenes")
    found = [judge(phase, held_out[index]) for index in range(options.scenes)]
    return {"seconds_a_step": seconds / config.steps, "scenes": found}


@torch.no_grad()
def judge(phase: FullPhase, pair: ViewPair) -> dict[str, float]:
    """One held-out scene, as inference would do it."""
    batch = collate([(0, pair)]).batch
    prediction = phase.eval().predict(batch)
    times = []
    for _ in range(4):  # the first may compile
        begun = time.process_time()
        renders = render_pair(prediction, batch)
        times.append(time.process_time() - begun)
    novel, mask, far = renders.color[:, 1], novel_mask(batch), phase.config.data.scenes.far
    true = torch.where(batch.input_depth < far, batch.input_depth, torch.inf)  # the sky has none
    depth = prediction.depth[:, :1]
    return {
        "psnr": psnr(novel, batch.novel_image, mask).item(),
        "ssim": ssim(fill_masked(novel, batch.novel_image, mask), batch.novel_image).item(),
        "psnr_input": psnr(renders.color[:, 0], batch.input_image).item(),
        "abs_rel_aligned": abs_rel(align_depth(depth, true), true).item(),
        "ms": 500.0 * min(times),
        "gaussians": prediction.gaussians.opacities.shape[1],
    }


def mean(record: dict[str, Any], name: str) -> float:
    values = [scene[name] for scene in record["scenes"] if np.isfinite(scene[name])]
    return statistics.median(values) if name == "ms" else statistics.fmean(values)


def print_tables(records: dict[str, dict[str, Any]]) -> None:
    """What was measured, and whether it goes the paper's way."""
    print("| variant | novel PSNR | SSIM | input PSNR | AbsRel, aligned | render time | Gaussians | s a step |")
    print("|" + " --- |" * 8)
    slowest = mean(next(iter(records.values())), "ms")
    for name, record in records.items():
        numbers = [f"{mean(record, key):.{places}f}" for key, places in COLUMNS.items()]
        numbers += [f"{mean(record, 'ms') / slowest:.2f}", f"{mean(record, 'gaussians'):,.0f}"]
        print(f"| {VARIANTS[name].title} | {' | '.join(numbers)} | {record['seconds_a_step']:.2f} |")
    print("\n| variant | beside | measure | paper | here, ± standard error | agree? |\n|" + " --- |" * 6)
    for name, record in records.items():
        beside = VARIANTS[name].beside
        while beside and beside not in records:  # the perceptual network could not be downloaded
            beside = VARIANTS[beside].beside
        for measure, title in MEASURES.items() if beside else ():
            row = compare(name, record, records[beside], measure)
            print(f"| {VARIANTS[name].title} | {VARIANTS[beside].title} | {title} | {row} |")


def compare(name: str, record: dict[str, Any], other: dict[str, Any], measure: str) -> str:
    """The paper's difference (of render times: ratio), ours over the same scenes, and whether they agree."""
    is_ratio, form = measure == "ms", "+.3f" if measure == "ssim" else ".2f" if measure == "ms" else "+.2f"
    pairs = [(one[measure], two[measure]) for one, two in zip(record["scenes"], other["scenes"], strict=True)]
    changes = [one / two if is_ratio else one - two for one, two in pairs if np.isfinite([one, two]).all()]
    ours, error = statistics.fmean(changes), statistics.pstdev(changes) / max(len(changes) - 1, 1) ** 0.5
    here = f"{ours:{form}} ± {error:{form[-3:]}}"
    one, two = (getattr(VARIANTS[key].paper, measure, None) for key in (name, VARIANTS[name].beside))
    if one is None or two is None:
        return f"not given | {here} | "
    expected, neutral = (one / two, 1.0) if is_ratio else (one - two, 0.0)
    agree = "yes" if (ours - neutral) * (expected - neutral) > 0 else "no"
    return f"{expected:{form}} | {here} | {agree if abs(ours - neutral) > 2 * error else 'within the error'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--init", default="", help="depth-trained weights of the preview preset's network")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--scenes", type=int, default=32, help="held-out scenes")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of sharp train")
    options = parser.parse_args()
    keep_freed_memory()
    try:
        options.features = load_features("pretrained")
    except SharpError as error:
        options.features = None
        print(f"Without the perceptual loss, in every variant: {error}")
    what = {key: getattr(options, key) for key in ("init", "steps", "scenes", "set")} | {
        "percep": bool(options.features)
    }
    records = {}
    for name, variant in VARIANTS.items():
        path = options.out / f"{name}.json"
        if name == "percep" and not options.features:
            continue
        if not path.exists():
            record = run(variant, options) | {"options": what}
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps(record, indent=1), "utf-8")
        if path.exists():
            records[name] = json.loads(path.read_text("utf-8"))
            if records[name]["options"] != what:
                raise SystemExit(f"{path} is of other options ({records[name]['options']}): choose another --out.")
    print_tables(records)


if __name__ == "__main__":
    main()
