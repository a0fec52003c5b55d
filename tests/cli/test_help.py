"""``--help``: the texts appear as they are written, with their brackets."""

from __future__ import annotations

import inspect
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from commands import sharp
from typer.testing import CliRunner

from sharp_cli.cli import app
from sharp_cli.cli.group import SharpGroup

parameters: Callable[[Any], Any] = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "generate_cli.py"))[
    "_parameters"
]


def commands(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands as typed, with their functions."""
    for command in group.registered_commands:
        assert command.callback
        yield (*path, command.name or command.callback.__name__), command.callback
    for nested in group.registered_groups:
        assert nested.typer_instance
        yield from commands(nested.typer_instance, (*path, nested.name or ""))


def words(text: str) -> str:
    """A text without the boxes and line breaks of its surroundings."""
    return re.sub(r"[\s│╭╮╰╯─]+", "", text)


COMMANDS = dict(commands(app))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_every_text_as_it_is_written(path: tuple[str, ...]) -> None:
    shown = words(sharp(*path, "--help", env={"COLUMNS": "1000", "TERMINAL_WIDTH": "1000"}).stdout)
    function = COMMANDS[path]
    texts = [inspect.getdoc(function) or "", *(each.info.help or "" for each in parameters(function))]
    assert [text for text in texts if words(text) not in shown] == []


def test_units_in_brackets_are_among_the_texts() -> None:
    assert "view[m]" in words(sharp("convert", "--help").stdout)


def test_brackets_of_any_kind_survive_in_groups_too() -> None:
    odd = typer.Typer(cls=SharpGroup, rich_markup_mode="rich", help="Turn [all] of it.")

    @odd.command(name="one", help="A [red]word[/red] and [m].")
    def one(size: Annotated[int, typer.Option(help="Of [link=x]this[/link] \\[m].")] = 1) -> None: ...

    odd.command(name="two")(lambda: None)
    wide = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}
    whole, single = (CliRunner().invoke(odd, [*path, "--help"], env=wide).output for path in ([], ["one"]))
    assert "Turn [all] of it." in whole and "A [red]word[/red] and [m]." in whole
    assert "A [red]word[/red] and [m]." in single and "Of [link=x]this[/link] \\[m]." in single
