"""Reading a training run's configuration: presets, TOML files that build on others, and single settings."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from sharp_cli.errors import SharpError
from sharp_cli.training.config import INVALID, TrainConfig
from sharp_cli.training.losses.config import LossConfig

PRESETS = Path(__file__).parent / "presets"

T = TypeVar("T")
Table = dict[str, Any]


def load_config(source: str, settings: Iterable[str] = ()) -> TrainConfig:
    """Read a configuration.

    Args:
        source: a preset's name, or the path of a TOML file. A file may name another one, or a preset, as its
            ``base``: it then holds only what differs.
        settings: ``key=value`` each, with a value as in TOML (a bare word is a string) and dots between the
            tables' names: ``optimizer.lr=1e-4``.

    Raises:
        SharpError: no such file or preset, a field that does not exist, or a value that does not fit.
    """
    return build(TrainConfig, load_table(source, settings), "")


def load_table(source: str, settings: Iterable[str]) -> Table:
    """A preset's or a file's table, with single settings laid over it; see :func:`load_config`."""
    table = read_table(source, Path())
    for setting in settings:
        merge(table, parse_setting(setting))
    return table


def preset_names() -> list[str]:
    """The presets that ship with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def read_table(source: str, folder: Path, depth: int = 0) -> Table:
    """A file's table over those it builds on, for a chain's stages, too; such paths are relative to the folder of the
    file that names them."""
    path = folder / source if source.endswith(".toml") else PRESETS / f"{source}.toml"
    if not path.is_file():
        known = ", ".join(preset_names())
        raise SharpError(f"unknown training preset: {source} (use {known}, or a .toml file)")
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise SharpError(f"cannot read {path}: not a TOML file: {error}") from error
    stages = table.get("stages")
    for stage in stages.values() if isinstance(stages, dict) else ():
        named = stage.get("base") if isinstance(stage, dict) else None
        if isinstance(named, str) and named.endswith(".toml"):
            stage["base"] = str(path.parent / named)
    base = table.pop("base", None)
    if base is None:
        return table
    if not isinstance(base, str) or depth > 8:
        raise SharpError(
            f"cannot use {path}: its base must be a preset or a .toml file that does not lead back to itself"
        )
    below = read_table(base, path.parent, depth + 1)
    merge(below, table)
    return below


def parse_setting(setting: str) -> Table:
    """``a.b=value`` as the table it stands for."""
    key, equals, value = setting.partition("=")
    if not equals or not key.strip():
        raise SharpError(f"invalid setting: {setting} (use key=value, such as optimizer.lr=1e-4)")
    try:
        return tomllib.loads(f"{key} = {value}")
    except ValueError:
        word = value.replace("\\", "\\\\").replace('"', '\\"')
        try:
            return tomllib.loads(f'{key} = "{word}"')
        except ValueError as error:
            raise SharpError(f"invalid setting: {setting}: {error}") from error


def merge(table: Table, over: Mapping[str, Any]) -> None:
    """Lay one table over another: values replace values, tables go into tables."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(table.get(key), dict):
            merge(table[key], value)
        else:
            table[key] = value


def build(kind: type[T], table: Any, where: str) -> T:
    """A dataclass from a table, checked field by field; ``where`` is the table's name with a dot, for messages."""
    if not isinstance(table, Mapping):
        raise SharpError(f"{INVALID}: {where.rstrip('.')} must be a table, not {table!r}")
    if kind is LossConfig:
        return LossConfig.from_dict(table)  # type: ignore[return-value]
    hints = get_type_hints(kind)
    known = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    if unknown := [key for key in table if key not in known]:
        names = ", ".join(where + key for key in unknown)
        raise SharpError(f"unknown training setting: {names} (known: {', '.join(known)})")
    return kind(**{key: _value(hints[key], value, where + key) for key, value in table.items()})


def _value(hint: Any, value: Any, name: str) -> Any:
    kind: Any
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] if _is_optional(hint) else [hint]
    (kind,) = kinds
    if is_dataclass(kind):
        return build(kind, value, f"{name}.")  # type: ignore[arg-type]
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise SharpError(f"{INVALID}: {name} cannot be {value!r} (choose {', '.join(get_args(kind))})")
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise SharpError(f"{INVALID}: {name} must be a list, not {value!r}")
        inner = get_args(kind)[0]
        return tuple(_value(inner, entry, name) for entry in value)
    if get_origin(kind) is dict:
        _, inner = get_args(kind)
        if not isinstance(value, Mapping):
            raise SharpError(f"{INVALID}: {name} must be a table, not {value!r}")
        return {key: _value(inner, entry, f"{name}.{key}") for key, entry in value.items()}
    if kind is Any:
        return value
    accepted = {float: (int, float), Path: (str,)}.get(kind, (kind,))
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise SharpError(f"{INVALID}: {name} must have the type {accepted[0].__name__}, not {value!r}")
    return kind(value)


def _is_optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


def as_table(config: TrainConfig) -> Table:
    """The configuration as TOML and JSON hold it, for checkpoints and records; what is None is left out."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items() if entry is not None}
        if isinstance(value, list | tuple):
            return [plain(entry) for entry in value]
        return str(value) if isinstance(value, Path) else value

    table: Table = plain(asdict(config))
    return table
