"""Options from files: ``sharp.toml`` in the working folder and in the user's configuration folder, with profiles.

A file holds options by their long names. Those at the top count for every command that has them, those in a table
for the command of that name; ``[profiles.NAME]`` is such a file within the file::

    device = "cpu"

    [convert]
    weights = "preview"

    [profiles.quest.convert]
    format = "spz"
    max-gaussians = 300000
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sharp_cli.errors import SharpError, did_you_mean
from sharp_cli.runtime.user_folders import user_folder

FILE, PROFILES = "sharp.toml", "profiles"
Commands = Mapping[tuple[str, ...], frozenset[str]]
"""Words of each command → the keys of its options."""


class Layer(NamedTuple):
    """Options that count together."""

    origin: str
    """Where they stand, for people."""
    table: dict[str, Any]


class Value(NamedTuple):
    """What a file says of one option."""

    value: Any
    origin: str


def config_paths() -> list[Path]:
    """The files that count, the first one most: the working folder's and the user's (or ``SHARP_CONFIG``)."""
    chosen = os.environ.get("SHARP_CONFIG")
    folder = user_folder("config")
    user = [Path(chosen)] if chosen else [] if folder is None else [folder / FILE]
    return [Path(FILE), *user]


def key_of(word: str) -> str:
    """An option's name in files: ``--max-gaussians`` and ``max_gaussians`` are ``max-gaussians``."""
    return word.lstrip("-").replace("_", "-").lower()


def read_layers(profile: str | None, commands: Commands) -> list[Layer]:
    """All options in files, the strongest layer first: profile, working folder, user.

    Raises:
        SharpError: ``usage``: a file cannot be read, or it has a word or a profile that means nothing.
    """
    files = [(path, _read(path)) for path in config_paths() if path.is_file()]
    plain, of_profile, names = [], [], set()
    for path, table in files:
        profiles = table.pop(PROFILES, {})
        plain.append(Layer(str(path), table))
        if not isinstance(profiles, dict):
            raise SharpError(f"cannot use {path}: profiles is not a table", "usage")
        for name, content in profiles.items():
            layer = Layer(f"profile {name} in {path}", content)
            _check(layer, commands)  # of every profile, so that a typing error shows at once
            names.add(name)
            if name == profile:
                of_profile.append(layer)
    for layer in plain:
        _check(layer, commands)
    if profile is not None and not of_profile:
        there = f"there are: {', '.join(sorted(names))}" if names else f"write [profiles.{profile}] in {FILE}"
        raise SharpError(f"no profile is called {profile}{did_you_mean(profile, names)} ({there})", "usage")
    return of_profile + plain


def values_for(
    command: tuple[str, ...],
    layers: Iterable[Layer],
    keys: frozenset[str],
    is_meant: Callable[[str, Any], bool],
) -> dict[str, Value]:
    """What files say of a command's options, by key. In each layer the command's own table counts more.

    Args:
        is_meant: whether a key and value that stand there for all commands are for this one.
    """
    found: dict[str, Value] = {}
    for layer in layers:
        table: Any = layer.table
        for word in command:
            table = table.get(word, {}) if isinstance(table, dict) else {}
        of_command = table if isinstance(table, dict) else {}
        for source in (of_command, layer.table):
            for key, value in source.items():
                known = key_of(key) in keys and not isinstance(value, dict)
                if known and (source is of_command or is_meant(key_of(key), value)):
                    found.setdefault(key_of(key), Value(value, layer.origin))
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise SharpError(f"cannot read {path}: {error}", "usage") from error


def _check(layer: Layer, commands: Commands) -> None:
    """Refuse words that no command knows."""
    if not isinstance(layer.table, dict):
        raise SharpError(f"cannot use {layer.origin}: it is not a table", "usage")
    everywhere = frozenset().union(*commands.values())
    for place, key in _keys(layer.table, commands):
        allowed = commands.get(place, everywhere) if place else everywhere
        if key_of(key) not in allowed:
            known = allowed | {path[len(place)] for path in commands if path[: len(place)] == place != path}
            where = f"[{'.'.join(place)}] of {layer.origin}" if place else layer.origin
            raise SharpError(f"unknown option {key} in {where}{did_you_mean(key_of(key), known)}", "usage")


def _keys(table: dict[str, Any], commands: Commands, place: tuple[str, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Every option in a table and the command that it stands under. Tables of unknown names count as options."""
    for key, value in table.items():
        inside = (*place, key)
        if isinstance(value, dict) and any(path[: len(inside)] == inside for path in commands):
            yield from _keys(value, commands, inside)
        else:
            yield place, key
