"""What ``sharp train`` runs: a phase of the network, or a stage that teaches it to see, by the key ``recipe``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharp_cli.errors import SharpError
from sharp_cli.training.chain import ChainConfig
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.configfile import Table, build, merge, parse_setting, read_table
from sharp_cli.training.mixing import MixConfig, mix_weights
from sharp_cli.training.teacher.config import ContextConfig, DistillConfig, LabelsConfig, SightConfig, TeacherConfig

StageConfig = TeacherConfig | LabelsConfig | DistillConfig | ContextConfig | SightConfig | MixConfig
RECIPES: dict[str, type[StageConfig]] = {
    "teacher": TeacherConfig,
    "labels": LabelsConfig,
    "distill": DistillConfig,
    "context": ContextConfig,
    "sight": SightConfig,
    "mix": MixConfig,
}


@dataclass(frozen=True)
class Finished:
    """How a run ended."""

    complete: bool
    """Whether it took its last step."""
    result: Path
    """The file that it makes."""


def load_recipe(source: str, settings: Iterable[str] = ()) -> TrainConfig | StageConfig | ChainConfig:
    """Read a configuration of any recipe; see :func:`sharp_cli.training.configfile.load_config`."""
    table = read_table(source, Path())
    for setting in settings:
        merge(table, parse_setting(setting))
    return build(ChainConfig, table, "") if table.get("recipe") == "chain" else build_recipe(table)


def build_recipe(table: Table) -> TrainConfig | StageConfig:
    """A configuration of what is one training.

    Raises:
        SharpError: no such recipe, or settings that it does not have or that do not fit.
    """
    recipe = table.get("recipe")
    if recipe is None:
        return build(TrainConfig, table, "")
    if recipe not in RECIPES:
        raise SharpError(f"unknown recipe: {recipe} (choose {', '.join(RECIPES)} or chain)")
    kind: type[Any] = RECIPES[recipe]
    config: StageConfig = build(kind, table, "")
    return config


def run_recipe(config: StageConfig, folder: Path, log: Callable[[str], None]) -> Finished:
    """Run a stage to its end or to a signal; on the CPU.

    Args:
        log: called with lines about the progress.

    Raises:
        SharpError: what it needs cannot be used.
    """
    from sharp_cli.training.loop import stop_signals

    folder.mkdir(parents=True, exist_ok=True)
    with stop_signals() as stopped:
        if isinstance(config, TeacherConfig):
            from sharp_cli.training.teacher.train import train_teacher

            return Finished(train_teacher(config, folder, log, stopped.is_set), folder / "checkpoint.pt")
        if isinstance(config, ContextConfig):
            from sharp_cli.training.teacher.context import teach_context

            return Finished(teach_context(config, folder, log, stopped.is_set), folder / "weights.safetensors")
        if isinstance(config, SightConfig):
            from sharp_cli.training.teacher.sight import teach_sight

            return Finished(teach_sight(config, folder, log, stopped.is_set), folder / "weights.safetensors")
        if isinstance(config, DistillConfig):
            from sharp_cli.training.teacher.distill import distill

            return Finished(distill(config, folder, log, stopped.is_set), folder / "weights.safetensors")
        if isinstance(config, MixConfig):
            return Finished(True, mix_weights(config, folder, log))
        from sharp_cli.training.teacher.label_folder import label_folder

        return Finished(True, label_folder(config, folder, log))
