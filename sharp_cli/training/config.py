"""Everything that can be chosen about a training run, as a TOML file holds it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from sharp_cli.errors import SharpError
from sharp_cli.model.config import SharpConfig
from sharp_cli.scenes.config import SceneConfig
from sharp_cli.training.losses.config import LossConfig

Phase = Literal["full", "coarsest", "coarse", "depth", "self"]
Trainable = Literal["released", "all", "frozen-backbone", "frozen-encoder", "frozen-depth"]
TrainingPrecision = Literal["auto", "fp32", "bf16"]
DataKind = Literal["scenes", "posed", "photos"]

INVALID = "invalid training settings"

CELLS = (8, 16, 32, 64, 128)
"""Sides of maps on which photos are compared; edges are, after three halvings."""


@dataclass(frozen=True)
class DataConfig:
    """What is trained on."""

    kind: DataKind = "scenes"
    """``scenes``: generated during training, an endless supply. ``posed``: pictures with poses and depth
    (``transforms.json``). ``photos``: plain photos, for phase ``self``."""
    path: str = ""
    """Of ``posed`` the ``transforms.json``, its folder, or a folder of such folders; of ``photos`` their folder.
    Relative to where the command runs."""
    workers: int = 2
    """Processes that read or draw samples; 0 does it between the steps."""
    scenes: SceneConfig = field(default_factory=SceneConfig)


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam, linear warm-up, cosine decay. The paper's rates; what it does not state is torch's default. Muon, which the
    paper does not use, taught young ViTs more from as many pictures."""

    lr: float = 1.6e-4
    final_lr: float = 1.6e-5
    warmup: int = 10_000
    """Steps."""
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    """Decoupled (AdamW), of matrices and kernels only; 0 is plain Adam."""
    muon: float = 0.0
    """Muon's learning rate on the matrices of the ViTs' blocks, as a multiple of ``lr``; some 20 is a good start. 0
    leaves them to Adam, which has all other values in any case."""
    clip: float = 1.0
    """Longest gradient over all values; 0 for any."""
    ema: float = 0.0
    """Decay of a moving mean of the weights, which is then what is validated and exported; 0 for none. It starts
    faster: step n decays by at most (1 + n) / (10 + n)."""


@dataclass(frozen=True)
class DepthConfig:
    """Weights of the depth phase's terms: see :mod:`sharp_cli.training.losses.layers`."""

    scale: float = 0.5
    shape: float = 1.0
    edges: float = 0.5
    hidden: float = 0.5
    reach: float = 0.04
    """How far the surface behind an edge is known to go on, as a share of the picture's side."""


@dataclass(frozen=True)
class PseudoConfig:
    """Where the pseudo-novel views of phase ``self`` are taken from: see :mod:`sharp_cli.training.pseudo`."""

    parallax: float = 0.1
    """Longest way of the camera, as a share of the photo's near depth (its 10 % quantile)."""
    forward: float = 0.5
    """How much of that it may be along the view."""
    degrees: float = 2.0
    """Largest turn about each axis, beyond the one that keeps what the photo is of in place."""


@dataclass(frozen=True)
class PhotosConfig:
    """Photos that phases ``full`` and ``depth`` learn depth from beside their scenes, which would undo what photos
    taught."""

    labels: str = ""
    """A file of the recipe ``labels``; empty for none."""
    measured: str = ""
    """A folder of photos with measured depth, beside the labels; empty for none. See
    :mod:`sharp_cli.datasets.measured_depth`."""
    photos: int = 1
    """Labeled views for each micro-batch."""
    measured_photos: int = 1
    smallest: float = 0.5
    """Share of a view's side that a crop has at least."""
    cells: int = 128
    """Side of the maps that are compared; means of what lies in a cell, so that labels, which have no fine detail, do
    not blur the network's. One of ``CELLS``."""
    weight: float = 1.0
    """Of their loss beside that of the scenes."""


@dataclass(frozen=True)
class LogConfig:
    """How often a run reports, in steps; 0 for never."""

    every: int = 20
    pictures: int = 500
    """Into TensorBoard's log."""
    validate: int = 500
    samples: int = 16
    """Of the validation set."""
    tensorboard: bool = False


@dataclass(frozen=True)
class CheckpointConfig:
    """How often all is saved, in steps, and how many of the newest checkpoints stay."""

    every: int = 500
    keep: int = 2


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    Raises:
        SharpError: values that do not fit together.
    """

    phase: Phase = "full"
    """``full``: Gaussians rendered to both views. ``depth``: encoder, depth decoder and depth head on depth alone,
    which is much cheaper. ``coarse``: the same at half resolution and without the finest windows, cheaper by another
    factor of six. ``coarsest``: at a quarter of the resolution, with the whole picture as the only window, by yet
    another of five. ``self``: self-supervised on plain photos, the paper's stage 2."""
    init: str = ""
    """What to start from: known weights' name or a weights file; empty for random values."""
    network: SharpConfig | None = None
    """Sizes of the network; None takes those of ``init``, else the released model's."""
    trainable: Trainable = "released"
    """``released``: the paper's freezing. ``all``: everything. ``frozen-backbone``: neither ViT (one of
    the paper's ablations, and how the preview's decoders learn to read an encoder taught by itself).
    ``frozen-encoder``: all but the encoder of ViTs, so that the Gaussian decoder's maps stay as it knows them.
    ``frozen-depth``: the Gaussian decoder and its heads alone, so that synthetic scenes do not undo what
    photos taught about depth."""
    adjust_depth: bool = True
    """Whether predicted depth is adjusted toward the true one (docs/network.md §4)."""
    precision: TrainingPrecision = "fp32"
    """What the backbone computes in; ``auto`` is bf16 where the hardware has it, otherwise fp32. Weights, heads,
    rendering and losses are fp32 always."""
    seed: int = 0
    """Of random initial values, synthetic scenes, the order of data read from files, and pseudo-novel poses."""
    steps: int = 100_000
    batch: int = 8
    """Samples a step, of all processes together."""
    micro_batch: int = 1
    """Samples that go through the network at once, in one process; gradients are accumulated over them."""
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    depth: DepthConfig = field(default_factory=DepthConfig)
    depth_in_full: float = 0.0
    """Weight of the depth phase's loss in phase ``full``, beside the paper's losses."""
    sight: PhotosConfig = field(default_factory=PhotosConfig)
    pseudo: PseudoConfig = field(default_factory=PseudoConfig)
    log: LogConfig = field(default_factory=LogConfig)
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)

    def __post_init__(self) -> None:
        for table in (self.optimizer, self.depth, self.sight, self.pseudo):
            for name, value in vars(table).items():
                if isinstance(value, float) and not math.isfinite(value):
                    raise SharpError(f"{INVALID}: {name} must be a number, not {value}")
        counts = {"data.workers": self.data.workers, "checkpoints.every": self.checkpoints.every}
        counts |= {f"log.{name}": getattr(self.log, name) for name in ("every", "pictures", "validate", "samples")}
        for name, count in counts.items():
            if count < 0:
                raise SharpError(f"{INVALID}: {name} must be 0 or more, not {count}")
        if self.sight.cells not in CELLS:
            raise SharpError(f"{INVALID}: sight.cells must be one of {CELLS}, not {self.sight.cells}")
        if self.sight.labels and self.phase not in ("full", "depth"):
            raise SharpError(f"{INVALID}: sight.labels needs images of full size (phase 'full' or 'depth')")
        positive: dict[str, float] = {"steps": self.steps, "batch": self.batch, "micro_batch": self.micro_batch}
        positive |= {"checkpoints.keep": self.checkpoints.keep, "optimizer.lr": self.optimizer.lr}
        for name, value in positive.items():
            if value <= 0:
                raise SharpError(f"{INVALID}: {name} must be above 0, not {value}")
        if self.batch % self.micro_batch:
            raise SharpError(f"{INVALID}: batch {self.batch} is not a multiple of micro_batch {self.micro_batch}")
        if (self.phase == "self") != (self.data.kind == "photos"):
            raise SharpError(f"{INVALID}: phase 'self' needs data.kind 'photos', and other phases cannot use it")
        if (self.data.kind == "scenes") == bool(self.data.path):
            raise SharpError(f"{INVALID}: data.kind 'posed' and 'photos' need a data.path, and 'scenes' takes none")
