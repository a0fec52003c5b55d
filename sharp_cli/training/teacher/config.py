"""What can be chosen about a teacher, its labels, and what the preview learns from them; each is a TOML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sharp_cli.errors import SharpError
from sharp_cli.scenes.config import SceneConfig
from sharp_cli.training.teacher.features import FeatureKind


@dataclass(frozen=True)
class DrawnConfig:
    """Synthetic pictures that are generated once and used many times."""

    pairs: int = 12_000
    first: int = 5_000_000
    """Number of the first training scene."""
    side: int = 192
    """Of the pictures [px]."""
    folder: str = "drawn"
    """Where they are kept for the next stage. Relative to where the command runs, as all folders here."""
    workers: int = 2
    scenes: SceneConfig = field(default_factory=SceneConfig)


@dataclass(frozen=True)
class MeasuredConfig:
    """Photos with measured depth in meters to train on, beside the synthetic pictures."""

    folder: str = ""
    """With an index of photos and inverse depth; empty for none. See :mod:`sharp_cli.datasets.measured_depth`."""
    split: str = "train"
    focal: float = 0.97
    """Focal length over width of these photos."""
    held_out: float = 1 / 6
    """Share of the photos, the last ones, that validation has to itself."""


@dataclass(frozen=True)
class TeacherConfig:
    """A decoder on pre-trained features."""

    recipe: Literal["teacher"] = "teacher"
    kind: FeatureKind = "resnet"
    features: str = "features"
    """Folder with the feature networks' files: see :mod:`sharp_cli.training.teacher.features`."""
    drawn: DrawnConfig = field(default_factory=DrawnConfig)
    measured: MeasuredConfig = field(default_factory=MeasuredConfig)
    steps: int = 1000
    batch: int = 22
    measured_batch: int = 2
    """Photos with measured depth in a step, beside ``batch`` synthetic pictures."""
    smallest: float = 0.35
    """Share of a picture's side that a crop has at least."""
    lr: float = 2e-3
    feature_lr: float = 2e-4
    """Of features that are trained along."""
    warmup: int = 60
    ema: float = 0.995
    seed: int = 0
    save_every: int = 200
    """Steps between checkpoints; each comes with a validation."""

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.save_every) <= 0 or self.measured_batch < 0:
            raise SharpError("invalid teacher settings: steps, batch and save_every must be above 0")


@dataclass(frozen=True)
class LabelsConfig:
    """What teachers say of a folder of photos."""

    recipe: Literal["labels"] = "labels"
    teachers: tuple[str, ...] = ("teacher",)
    """Folders of their runs; features are those of the first."""
    features: str = "features"
    photos: str = "photos"
    """A folder of plain photos."""
    varied: tuple[str, ...] = ()
    """Photos whose names start so differ the most, and are seen in more views."""
    views: int = 2
    """Of a photo; the first is all of it."""
    views_of_varied: int = 10

    def __post_init__(self) -> None:
        if not self.teachers or min(self.views, self.views_of_varied) < 1:
            raise SharpError("invalid label settings: there must be at least one teacher, and one view of each photo")


@dataclass(frozen=True)
class StudentConfig:
    """What learns from labels of photos, synthetic pictures and measured depth."""

    init: str = "preview"
    """Known weights' name or a weights file."""
    labels: str = ""
    """A file of the recipe ``labels``; empty to learn from synthetic pictures alone."""
    drawn: DrawnConfig = field(default_factory=DrawnConfig)
    measured: MeasuredConfig = field(default_factory=MeasuredConfig)
    steps: int = 1000
    batch: int = 22
    """Views of photos in a step."""
    synthetic_batch: int = 18
    measured_batch: int = 8
    smallest: float = 0.5
    """Share of a picture's side that a crop has at least."""
    lr: float = 8e-4
    warmup: int = 30
    ema: float = 0.99
    seed: int = 0
    save_every: int = 100


@dataclass(frozen=True)
class DistillConfig(StudentConfig):
    """One encoder of the network alone."""

    recipe: Literal["distill"] = "distill"
    encoder: Literal["image", "patch"] = "image"
    """The patch encoder keeps its first blocks, whose output the fine maps are made of."""
    steps: int = 1500
    batch: int = 64
    synthetic_batch: int = 44
    smallest: float = 0.55
    """The patch encoder sees small windows, too: 0.3."""
    kept: tuple[float, ...] = (0.35, 0.5, 0.7, 1.0)
    """Shares of the patches that a step shows, of which one is sampled."""
    feature_weight: float = 2.0
    """Of the loss on the teacher's features."""
    lr: float = 7e-4
    muon: float = 20.0
    warmup: int = 80
    ema: float = 0.997
    seed: int = 1
    save_every: int = 300


@dataclass(frozen=True)
class ContextConfig(StudentConfig):
    """A convolutional network that is put beside the ViTs."""

    recipe: Literal["context"] = "context"
    convnet_dims: tuple[int, ...] = (24, 48, 96, 192)
    """See :class:`~sharp_cli.model.config.SharpConfig`."""
    context_dims: tuple[int, ...] = (40, 56, 80)
    steps: int = 3000
    synthetic_batch: int = 14
    measured_batch: int = 4
    smallest: float = 0.35
    feature_weight: float = 2.0
    """Of the loss on the teacher's features."""
    lr: float = 2e-3
    weight_decay: float = 0.02
    """Decoupled (AdamW), of kernels and matrices only."""
    warmup: int = 100
    ema: float = 0.995
    seed: int = 4

    def __post_init__(self) -> None:
        if not self.convnet_dims or not self.context_dims:
            raise SharpError("invalid context settings: convnet_dims and context_dims must have values")


@dataclass(frozen=True)
class SightConfig(StudentConfig):
    """The network's whole way from picture to disparity."""

    recipe: Literal["sight"] = "sight"
    side: Literal[1, 2, 4] = 1
    """Of the pictures in windows: 1 runs the coarsest maps alone, 2 the two coarsest, 4 everything."""
    steps: int = 500
    vit_lr: float = 0.0
    """Of the ViTs, as a multiple of ``lr``; 0 keeps them as they are. The patch encoder's first blocks stay in any
    case."""
    muon: float = 0.0
    """Learning rate of Muon on the matrices of the trained ViTs' blocks, as a multiple of ``lr``; 0 leaves them to
    Adam."""
    keep: tuple[str, ...] = ()
    """Starts of the names of more values that stay as they are, such as ``encoder.patch_encoder.``."""
    seed: int = 3
