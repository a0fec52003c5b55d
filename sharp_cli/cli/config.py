"""``sharp config``: which options count without being typed, and where they come from."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any

import typer

from sharp_cli.cli.config_files import config_paths
from sharp_cli.cli.display.plain import echo
from sharp_cli.cli.group import PROFILE, commands_of, load_config, options_of, origin_of

app = typer.Typer(help="Show options that are set in variables and in sharp.toml.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Show options that are set in variables and in sharp.toml."""


@app.command("show")
def show(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]", help="Show all options of this command, such as convert.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """Print each option's value and where it comes from: a variable, a profile, a file, or the default.

    The command line counts most, then variables, the profile, sharp.toml in this folder, the user's sharp.toml, and
    the defaults. Without COMMAND, only values that differ from the defaults' are printed.
    """
    root: Any = context.find_root().command
    profile = context.meta[PROFILE]
    wanted = tuple(command or ())
    chosen = [path for path in commands_of(root) if path[: len(wanted)] == wanted]
    if not chosen:
        raise typer.BadParameter(f"no such command: {' '.join(wanted)}", param_hint="COMMAND")
    rows = [
        row for path in chosen for row in values_of(context, root, path, profile) if wanted or row["from"] != "default"
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for path in config_paths():
        typer.echo(f"{'read' if path.is_file() else 'not there'}: {path}", err=True)
    width = max((len(f"{row['command']} --{row['option']}") for row in rows), default=0)
    for row in rows:
        name = f"{row['command']} --{row['option']}"
        echo(f"{name:{width}}  {json.dumps(row['value'], ensure_ascii=False)}  ({row['from']})")


def values_of(context: typer.Context, root: Any, path: tuple[str, ...], profile: str | None) -> list[dict[str, Any]]:
    """The options of a command: its words, the option's key, the value, and where it comes from."""
    command, parent = root, context.find_root()
    for word in path:
        command = command.get_command(parent, word)
    inner = command.make_context(path[-1], [], parent=parent, resilient_parsing=True)
    load_config(inner, path, command, root, profile)
    rows = []
    for key, option in options_of(command):
        value, source = option.consume_value(inner, {})
        row = {"command": " ".join(path), "option": key, "value": _plain(value)}
        rows.append({**row, "from": origin_of(inner, option, source)})
    return rows


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Enum):
        return value.value
    return value if isinstance(value, bool | int | float | str | list | None) else str(value)
