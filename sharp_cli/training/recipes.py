"""What ``sharp train`` runs: a phase of the network, or a stage that teaches it to see, by the key ``recipe``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharp_cli.errors import SharpError
from sharp_cli.training.chain import ChainConfig
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.configfile import Table, build, load_table
from sharp_cli.training.mixing import MixConfig, mix_weights
from sharp_cli.training.signals import stop_signals
from sharp_cli.training.teacher.config import ContextConfig, DistillConfig, LabelsConfig, SightConfig, TeacherConfig

if TYPE_CHECKING:
    from sharp_cli.model.network import SharpNetwork
    from sharp_cli.training.teacher.lesson import Lesson
    from sharp_cli.training.teacher.material import Material

StageConfig = TeacherConfig | LabelsConfig | DistillConfig | ContextConfig | SightConfig | MixConfig
RECIPES: dict[str, type[StageConfig]] = {
    "teacher": TeacherConfig,
    "labels": LabelsConfig,
    "distill": DistillConfig,
    "context": ContextConfig,
    "sight": SightConfig,
    "mix": MixConfig,
}


def load_recipe(source: str, settings: Iterable[str] = ()) -> TrainConfig | StageConfig | ChainConfig:
    """Read a configuration of any recipe; see :func:`sharp_cli.training.configfile.load_config`."""
    table = load_table(source, settings)
    if table.get("recipe") != "chain":
        return build_recipe(table)
    if stray := [key for key in table if key not in ("recipe", "inputs", "stages")]:
        raise SharpError(f"a chain has no {', '.join(stray)} of its own (use --set stages.NAME.{stray[0]}=VALUE)")
    return build(ChainConfig, table, "")


def build_recipe(table: Table) -> TrainConfig | StageConfig:
    """A configuration of what is one training.

    Raises:
        SharpError: no such recipe, or settings that it does not have or that do not fit.
    """
    recipe = table.get("recipe")
    if recipe is None:
        return build(TrainConfig, table, "")
    if not isinstance(recipe, str) or recipe not in RECIPES:
        raise SharpError(f"unknown recipe: {recipe} (choose {', '.join(RECIPES)} or chain)")
    kind: type[Any] = RECIPES[recipe]
    config: StageConfig = build(kind, table, "")
    return config


def run_recipe(config: StageConfig, folder: Path, log: Callable[[str], None]) -> Path | None:
    """Run a stage to its end or to a signal; on the CPU.

    Args:
        log: called with lines about the progress.

    Returns:
        The file that it makes, or None where a signal stopped it before its last step.

    Raises:
        SharpError: what it needs cannot be used.
        KeyboardInterrupt: a signal while it labels photos, which has no steps to go on from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with stop_signals() as stopped:
        if isinstance(config, TeacherConfig):
            from sharp_cli.training.teacher.train import train_teacher

            return folder / "checkpoint.pt" if train_teacher(config, folder, log, stopped.is_set) else None
        if isinstance(config, LabelsConfig):
            from sharp_cli.training.teacher.label_folder import label_folder

            return label_folder(config, folder, log, stopped.is_set)
        if isinstance(config, MixConfig):
            return mix_weights(config, folder, log)
        return folder / "weights.safetensors" if _teach(config, folder, log, stopped.is_set) else None


def _teach(
    config: ContextConfig | SightConfig | DistillConfig,
    folder: Path,
    log: Callable[[str], None],
    stop: Callable[[], bool],
) -> bool:
    """Train some of the network; whether the last step was reached."""
    from sharp_cli.training.teacher.lesson import teach

    begin: Callable[[SharpNetwork, Material], Lesson]
    if isinstance(config, ContextConfig):
        from sharp_cli.training.teacher.context import context_lesson

        begin = partial(context_lesson, config)
    elif isinstance(config, SightConfig):
        from sharp_cli.training.teacher.sight import sight_lesson

        begin = partial(sight_lesson, config)
    else:
        from sharp_cli.training.teacher.distill import distill_lesson

        begin = partial(distill_lesson, config)
    return teach(config, begin, folder, log, stop)
