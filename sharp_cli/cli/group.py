"""What all commands have in common: options from variables and files, and errors that suggest what was meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from sharp_cli.cli.config_files import FILE, Commands, key_of, read_layers, values_for
from sharp_cli.errors import SharpError, did_you_mean

PREFIX = "SHARP"
SHARED = frozenset({"weights", "device", "precision", "quiet", "low-vram", "profile", "debug"})
"""Options that mean the same in all commands: ``SHARP_DEVICE`` counts where ``SHARP_CONVERT_DEVICE`` is not set."""
NOT_CONFIGURED = frozenset({"help", "version", "install-completion", "show-completion", "profile"})
ORIGINS = "sharp.origins"
"""In a context's ``meta``: option → where its value stands, for those from files."""

PROFILE = "sharp.profile"
"""In a context's ``meta``: the profile of the command that runs."""

UsageError: Any = typer.BadParameter.__base__  # Typer brings its own click, or uses the public one


class SharpGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        keep_brackets(self)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command, with its variables and ``--profile``."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            prepare(command, (cmd_name,), self)
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run a command; its refusals say what may be meant, and where a value comes from."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            error.message = _improve(error)
            raise


def keep_brackets(command: Any) -> None:
    """Escape the help of a new command and of those below it: brackets in it are text, and Typer shows it as markup."""
    command.help = command.help and escape(command.help)
    for parameter in command.params:
        if help := getattr(parameter, "help", None):
            parameter.help = escape(help)
    for below in getattr(command, "commands", {}).values():
        keep_brackets(below)


def prepare(command: Any, path: tuple[str, ...], root: Any) -> None:
    """Give a command and those below it the variables of their options, and ``--profile``. Again changes nothing."""
    for name, below in getattr(command, "commands", {}).items():
        prepare(below, (*path, name), root)
    if hasattr(command, "commands") or any(parameter.name == "profile" for parameter in command.params):
        return
    for key, option in options_of(command):
        option.envvar = [variable(*path, key), *_variables_of(option), *([variable(key)] if key in SHARED else [])]
        option.show_envvar = False  # the help would be twice as long

    command.params.append(_profile_option(path, command, root))


def _variables_of(option: Any) -> list[str]:
    """The variables that an option's declaration names."""
    return [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())


def _profile_option(path: tuple[str, ...], command: Any, root: Any) -> Any:
    """``--profile`` for a command. Its callback comes before all other options and reads the files."""

    def configure(context: typer.Context, profile: str | None) -> None:
        try:
            load_config(context, path, command, root, profile)
        except SharpError as error:
            if not context.resilient_parsing:  # completion goes on
                hint = "--profile" if profile else FILE
                raise typer.BadParameter(str(error), ctx=context, param_hint=hint) from error

    option = typer.Option(
        "--profile",
        envvar=variable("profile"),
        show_envvar=False,
        is_eager=True,
        expose_value=False,
        callback=configure,
        metavar="NAME",
        help="Use the options of this profile in sharp.toml; see `sharp config show`.",
    )

    def carrier(profile: Any = None) -> None: ...

    carrier.__annotations__["profile"] = Annotated[str | None, option]
    # Typer makes the option: its own class for options takes other arguments in every version.
    maker = typer.Typer(add_completion=False)
    maker.command()(carrier)
    made: Any = typer.main.get_command(maker)
    return next(parameter for parameter in made.params if parameter.name == "profile")


def load_config(context: Any, path: tuple[str, ...], command: Any, root: Any, profile: str | None) -> None:
    """Put a command's options from files under its context's defaults.

    Raises:
        SharpError: a file that cannot be used.
    """
    options = dict(options_of(command))

    def is_meant(key: str, value: Any) -> bool:
        """Whether a value for all commands is for this one: it can use it, or no command can."""
        others = (option for _, each in walk(root) for name, option in options_of(each) if name == key)
        return _can_use(context, options[key], value) or not any(_can_use(context, each, value) for each in others)

    found = values_for(path, read_layers(profile, commands_of(root)), frozenset(options), is_meant)
    for key in SHARED & options.keys():
        if (value := os.environ.get(variable(key))) and not is_meant(key, value):
            options[key].envvar = [name for name in options[key].envvar if name != variable(key)]
    context.default_map = {options[key].name: value for key, (value, _) in found.items()}
    context.meta[ORIGINS] = {options[key].name: origin for key, (_, origin) in found.items()}
    context.meta[PROFILE] = profile


def _can_use(context: Any, option: Any, value: Any) -> bool:
    try:
        option.process_value(context, value)
    except UsageError:
        return False
    return True


def commands_of(root: Any) -> Commands:
    """All commands below a group, with their options."""
    return {path: frozenset(key for key, _ in options_of(command)) for path, command in walk(root)}


def walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands below a group, each with the words that lead to it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from walk(command, (*path, name))
        else:
            yield (*path, name), command


def options_of(command: Any) -> Iterator[tuple[str, Any]]:
    """A command's options, each with its key: the longest of its names."""
    for parameter in command.params:
        if parameter.param_type_name == "option":
            key = key_of(max(parameter.opts, key=len))
            if key not in NOT_CONFIGURED:
                yield key, parameter


def variable(*words: str) -> str:
    """The environment variable of an option: ``SHARP_CONVERT_MAX_GAUSSIANS``."""
    return "_".join((PREFIX, *words)).upper().replace("-", "_").replace(" ", "_")


def origin_of(context: Any, parameter: Any, source: Any) -> str:
    """Where a value comes from, for people."""
    kind = source.name if source is not None else "DEFAULT"
    if kind == "ENVIRONMENT":
        return next((name for name in _variables_of(parameter) if os.environ.get(name)), "environment")
    if kind == "DEFAULT_MAP":
        return str(context.meta.get(ORIGINS, {}).get(parameter.name, FILE))
    return {"COMMANDLINE": "command line"}.get(kind, "default")


def _improve(error: Any) -> str:
    """The message with the nearest choice, and the variable or file that holds the bad value."""
    message, parameter, context = error.message, getattr(error, "param", None), error.ctx
    message = message.replace("Value error, ", "")  # of Typer's checks, and no help
    if choice := re.search(r"'(.*?)' is not one of (.*)", message):
        near = did_you_mean(choice[1], re.findall(r"'(.*?)'", choice[2]))
        message = f"{message.rstrip('.')}{near}" if near else message
    if parameter is not None and context is not None:
        source = context.get_parameter_source(parameter.name)
        if source is not None and source.name in ("ENVIRONMENT", "DEFAULT_MAP"):
            message = f"{message.rstrip('.')} (set by {origin_of(context, parameter, source)})"
    return str(message)
