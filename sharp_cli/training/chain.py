"""Several trainings after each other as one: each stage starts from what earlier ones made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write
from sharp_cli.training.configfile import Table, merge, read_table

FINISHED = "finished.json"
"""In a stage's folder: the settings that it was finished with."""
SAFE = re.compile(r"[A-Za-z0-9_-]+")
"""Names of stages: they are folders."""


@dataclass(frozen=True)
class ChainConfig:
    """Stages by name, in their order: each has a recipe's or a phase's settings, over a preset or file as its ``base``.

    In their texts, ``{name}`` stands for the folder of the earlier stage so named, ``{out}`` for that of the chain,
    and ``{photos}`` and the like for what ``inputs`` has.

    Raises:
        SharpError: an input is missing, or a stage cannot be named so.
    """

    recipe: Literal["chain"] = "chain"
    inputs: dict[str, str] = field(default_factory=dict)
    """Folders that stages read, by the name that stands for them; an empty one must be chosen."""
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := [name for name, value in self.inputs.items() if not value]:
            flags = " ".join(f"--set inputs.{name}=FOLDER" for name in missing)
            raise SharpError(f"the chain has no {', '.join(missing)} (add {flags})")
        if not self.stages:
            raise SharpError("invalid chain: it has no stages (add tables such as [stages.first])")
        for name in self.stages:
            if not SAFE.fullmatch(name) or name in self.inputs or name == "out":
                raise SharpError(f"invalid chain: no stage can have the name {name} (choose another)")


def run_chain(
    config: ChainConfig,
    folder: Path,
    run: Callable[[Table, Path], Path | None],
    log: Callable[[str], None],
) -> Path | None:
    """Run all stages that are not finished yet, in their order.

    Args:
        folder: gets a folder for each stage.
        run: trains one stage by its settings into its folder; the file that it made, or None where it was stopped.
        log: called with a line for each stage.

    Returns:
        The last stage's file, or None where the chain was stopped.

    Raises:
        SharpError: a stage names what does not exist, fails, or was finished with other settings.
    """
    known = {**config.inputs, "out": str(folder)}
    result = None
    for number, (name, settings) in enumerate(config.stages.items(), 1):
        table = fill(with_base(settings), known, name)
        known[name] = str(folder / name)
        result = finished_result(folder / name, table)
        log(f"{name}, stage {number} of {len(config.stages)}{': finished before' if result else ''}")
        if result is None:
            result = run(table, folder / name)
            if result is None:
                return None
            note = {"settings": table, "result": result.name}
            with atomic_write(folder / name / FINISHED) as temporary:
                temporary.write_text(json.dumps(note, indent=1), "utf-8")
    return result


def with_base(settings: Table) -> Table:
    """A stage's settings over those of its ``base``.

    Raises:
        SharpError: there is no such preset or file, or it is a chain itself.
    """
    table = dict(settings)
    base = table.pop("base", "")
    if not isinstance(base, str):
        raise SharpError(f"invalid chain: a stage's base must be a preset or a .toml file, not {base!r}")
    below = read_table(base, Path()) if base else {}
    merge(below, table)
    if below.get("recipe") == "chain":
        raise SharpError("invalid chain: a stage cannot be a chain itself (list its stages instead)")
    return below


def finished_result(folder: Path, settings: Table) -> Path | None:
    """What a stage made that was finished with these settings; None if it is to run.

    Raises:
        SharpError: it was finished with other settings.
    """
    try:
        note = json.loads((folder / FINISHED).read_text("utf-8"))
        result, before = folder / note["result"], note["settings"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SharpError(f"cannot read {folder / FINISHED}: {error} (delete it to run the stage again)") from error
    if before != settings:
        raise SharpError(f"{folder} was finished with other settings (choose another --out, or delete this folder)")
    return result if result.exists() else None


def fill(value: Any, known: Mapping[str, str], stage: str) -> Any:
    """A stage's settings with names in braces replaced by what they stand for.

    Raises:
        SharpError: a name that stands for nothing.
    """
    if isinstance(value, dict):
        return {key: fill(entry, known, stage) for key, entry in value.items()}
    if isinstance(value, list):
        return [fill(entry, known, stage) for entry in value]
    if not isinstance(value, str):
        return value

    def meaning(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise SharpError(f"stage {stage}: {match[0]} stands for nothing (known: {', '.join(known)})")
        return known[match[1]]

    return re.sub(r"\{(.*?)\}", meaning, value)
