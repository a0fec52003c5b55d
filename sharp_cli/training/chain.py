"""Several trainings after each other as one: each stage starts from what earlier ones made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write, sha256_of
from sharp_cli.training.configfile import Table, merge, read_table
from sharp_cli.training.distributed import world_size
from sharp_cli.training.signals import stop_signals

NOTE = "stage.json"
"""In a stage's folder: what it was begun with, and what it made."""
SAFE = re.compile(r"[A-Za-z0-9_-]+")
"""Names of stages: they are folders."""

Config = TypeVar("Config")


@dataclass(frozen=True)
class ChainConfig:
    """Stages by name, in their order: each has a recipe's or a phase's settings, over a preset or file as its ``base``.

    In their texts but ``base``, ``{name}`` stands for the folder of the earlier stage so named, ``{out}`` for that of
    the chain, and ``{photos}`` and the like for what ``inputs`` has.

    Raises:
        SharpError: an input is missing, or a stage or an input cannot be named so.
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
        if "out" in self.inputs:
            raise SharpError("invalid chain: no input can have the name out, the chain's own folder (choose another)")
        for name in self.stages:
            alike = [each for each in self.stages if each.casefold() == name.casefold()]  # one folder on some systems
            if not SAFE.fullmatch(name) or name in self.inputs or name == "out" or len(alike) > 1:
                raise SharpError(f"invalid chain: no stage can have the name {name} (choose another)")


@dataclass(frozen=True)
class _Stage(Generic[Config]):
    """A stage that is ready to run."""

    name: str
    config: Config
    settings: Table
    """What a run of it is begun with, with the names of folders in place of these: a finished chain can be moved."""
    sources: list[str]
    """The stages that it starts from."""


def run_chain(
    config: ChainConfig,
    folder: Path,
    build: Callable[[Table], Config],
    run: Callable[[Config, Path], Path | None],
    log: Callable[[str], None],
) -> Path | None:
    """Run all stages that are not finished yet, in their order. All are checked before the first one runs.

    Args:
        folder: gets a folder for each stage.
        build: one training's configuration of its settings.
        run: trains it into its folder; the file that it made, or None where it was stopped.
        log: called with a line for each stage.

    Returns:
        The last stage's file, or None where the chain was stopped.

    Raises:
        SharpError: an input or what a stage names does not exist, a stage fails, or was begun with other settings or
            from what another run of an earlier stage made.
    """
    if world_size() > 1:
        raise SharpError("a chain runs in one process (start it without torchrun)")
    if absent := [path for path in config.inputs.values() if not Path(path).exists()]:
        raise SharpError(f"the chain cannot start: there is no {', '.join(absent)} (check --set inputs.…)")
    stages = [_prepared(config, folder, number, build) for number in range(len(config.stages))]
    made: dict[str, str] = {}
    result = None
    with stop_signals() as stopped:
        for number, stage in enumerate(stages, 1):
            place = folder / stage.name
            note = {"settings": stage.settings, "from": {name: made[name] for name in stage.sources}}
            before = _read_note(place)
            if before:
                _check_same(place, note, before)
            result = _finished(place, before)
            log(f"{stage.name}, stage {number} of {len(stages)}{': finished before' if result else ''}")
            if result is None:
                if stopped.is_set():
                    return None
                _write_note(place, note)
                result = run(stage.config, place)
                if result is None:
                    return None
                before = {**note, "result": result.name, "sha256": sha256_of(result).hexdigest()}
                _write_note(place, before)
            made[stage.name] = before["sha256"]
    return result


def _prepared(config: ChainConfig, folder: Path, number: int, build: Callable[[Table], Config]) -> _Stage[Config]:
    """A stage with what its names stand for."""
    *earlier, name = list(config.stages)[: number + 1]
    folders = {"out": str(folder), **{each: str(folder / each) for each in earlier}}
    settings = with_base(config.stages[name])
    filled = fill(settings, {**config.inputs, **folders}, name)
    named = fill(settings, {**config.inputs, **{each: f"{{{each}}}" for each in folders}}, name)
    text = json.dumps(named, default=str)
    sources = [each for each in earlier if f"{{{each}}}" in text or "{out}" in text]
    return _Stage(name, build(filled), named, sources)


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


def _read_note(folder: Path) -> Table:
    """What a stage's folder says of its run; empty if it was not begun.

    Raises:
        SharpError: it cannot be read.
    """
    path = folder / NOTE
    try:
        note: Table = json.loads(path.read_text("utf-8"))
        if _is_note(note):
            return note
        reason = "it holds something else"
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = str(error)
    raise SharpError(f"cannot read {path}: {reason} (delete its folder to run the stage anew)")


def _is_note(note: Any) -> bool:
    if not isinstance(note, dict) or not all(isinstance(note.get(key), dict) for key in ("settings", "from")):
        return False
    result, digest = (note.get(key) for key in ("result", "sha256"))
    if result is None:
        return digest is None
    return isinstance(result, str) and isinstance(digest, str) and Path(result).name == result


def _write_note(folder: Path, note: Table) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / NOTE) as temporary:
        temporary.write_text(json.dumps(note, indent=1), "utf-8")


def _check_same(folder: Path, note: Table, before: Table) -> None:
    """Raise if a stage was begun with something else; as text, since two that are no numbers are never equal."""
    old, new = (json.dumps(each["settings"], sort_keys=True) for each in (before, note))
    if old != new:
        raise SharpError(f"{folder} was begun with other settings (choose another --out, or delete this folder)")
    if before["from"] != note["from"]:
        changed = [name for name, digest in note["from"].items() if before["from"].get(name) != digest]
        raise SharpError(f"{folder} was begun from another {', '.join(changed)} (delete this folder to make it anew)")


def _finished(folder: Path, note: Table) -> Path | None:
    """What a stage made; None if it is to run.

    Raises:
        SharpError: it is not what the stage made any more.
    """
    result = folder / note["result"] if "result" in note else None
    if result is None or not result.is_file():
        return None
    if sha256_of(result).hexdigest() != note["sha256"]:
        raise SharpError(f"{result} was changed since its stage finished (delete its folder to make it anew)")
    return result
