"""The command line: one file per command, each of which parses, calls the library and reports."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from sharp_cli.cli import convert, evaluate, export, inspect, render, train, view, weights
from sharp_cli.cli.display.plain import plain
from sharp_cli.errors import SharpError
from sharp_cli.version import __version__

app = typer.Typer(
    name="sharp",
    help="One photograph in, a metric 3D Gaussian splat out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("convert")(convert.convert)
app.command("render")(render.render)
app.command("view")(view.view)
app.command("export")(export.export)
app.command("inspect")(inspect.inspect)
app.command("evaluate")(evaluate.evaluate)
app.command("train")(train.train)
app.add_typer(weights.app, name="weights")

DEBUG = "--debug"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sharp {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of a failure.")] = False,
) -> None:
    """One photograph in, a metric 3D Gaussian splat out."""


def main() -> None:
    """Run ``sharp``: exit code 0, 1 for failed work, 2 for wrong use, 130 after Ctrl-C."""
    for name in ("SIGTERM", "SIGHUP"):  # end as after Ctrl-C: tidily
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    try:
        app(prog_name="sharp")
    except SharpError as error:
        fail(str(error), error)
    except Exception as error:
        fail(f"{type(error).__name__}: {error} (this is a bug; `sharp {DEBUG} …` shows where)", error)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def fail(message: str, error: Exception) -> None:
    """Say what went wrong in one sentence and end with exit code 1; with ``--debug`` show the traceback instead."""
    if DEBUG in sys.argv:
        raise error
    typer.echo(f"sharp: {plain(message)}", err=True)
    sys.exit(1)
