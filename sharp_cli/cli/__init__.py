"""The command line: one file per command, which parses, calls the library and reports."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from sharp_cli.cli import (
    batch,
    config,
    convert,
    demo,
    doctor,
    evaluate,
    export,
    formats,
    inspect,
    merge,
    panorama,
    render,
    serve,
    train,
    view,
    watch,
    weights,
)
from sharp_cli.cli.bundle import write_bundle
from sharp_cli.cli.display.plain import plain
from sharp_cli.cli.group import SharpGroup, variable
from sharp_cli.cli.remedies import explain
from sharp_cli.cli.shorthand import with_command
from sharp_cli.cli.streams import check_stdout, prepare_streams
from sharp_cli.errors import SharpError
from sharp_cli.runtime.memory import may_be_out_of_memory
from sharp_cli.version import __version__

app = typer.Typer(
    name="sharp",
    cls=SharpGroup,
    help="Turn photos into metric 3D Gaussian splats, and splats into videos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("convert")(convert.convert)
app.command("panorama")(panorama.panorama)
app.command("merge")(merge.merge)
app.command("render")(render.render)
app.command("view")(view.view)
app.command("export")(export.export)
app.command("inspect")(inspect.inspect)
app.command("formats")(formats.formats)
app.command("evaluate")(evaluate.evaluate)
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("serve")(serve.serve)
app.command("watch")(watch.watch)
app.command("doctor")(doctor.doctor)
app.add_typer(weights.app, name="weights")
app.add_typer(batch.app, name="batch")
app.add_typer(config.app, name="config")

DEBUG = "--debug"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sharp {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            DEBUG,
            help="Show the traceback of a failure, and write a file for bug reports. Works behind the command too.",
        ),
    ] = False,
) -> None:
    """Turn photos into metric 3D Gaussian splats, and splats into videos."""


def main(words: Sequence[str] | None = None) -> None:
    """Run ``sharp``. Exits with code 0, 1 for failed work, 2 for wrong use, 130 after Ctrl-C.

    Args:
        words: the command line without the program's name; None takes the process's own.
    """
    for name in ("SIGTERM", "SIGHUP"):  # end as after Ctrl-C: tidily
        # A signal that is ignored stays so: nohup asks for that.
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:
            signal.signal(getattr(signal, name), _end)
    prepare_streams()
    # Read by torch: its waiting threads would spin. Where anything else runs, be it our own reading and writing, they
    # take a core from what they wait for, and a small network takes twice the time.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    debug, words = _take_debug(sys.argv[1:] if words is None else words)
    try:
        words = with_command(words, _commands())
        try:
            app([DEBUG, *words] if debug else words, prog_name="sharp")
        finally:
            check_stdout()
    except SharpError as error:
        _fail(explain(str(error), error.code), error, debug)
    except Exception as error:
        if may_be_out_of_memory(error):
            _fail(explain("not enough memory (close other programs)", "out_of_memory"), error, debug)
        if isinstance(error, OSError):  # of the system: a closed folder, a full disk
            named = f"cannot use {error.filename}: " if error.filename else ""
            _fail(f"{named}{error.strerror or error}", error, debug)
        _fail(explain(f"{type(error).__name__}: {error}", "unexpected"), error, debug)


def _commands() -> set[str | None]:
    return {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}


def _take_debug(words: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether --debug is among the words (before ``--``), and the other words."""
    end = words.index("--") if "--" in words else len(words)
    of_environment = os.environ.get(variable("debug"), "").lower() in ("1", "true", "yes", "on")
    return of_environment or DEBUG in words[:end], [word for word in words[:end] if word != DEBUG] + list(words[end:])


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _fail(message: str, error: Exception, debug: bool) -> NoReturn:
    """Print what went wrong in one line and exit with code 1; with ``--debug`` all of it, and what a report needs."""
    if debug:
        trace = "".join(traceback.format_exception(error))
        typer.echo(trace, err=True)
        typer.echo(plain(write_bundle([trace])), err=True)
    typer.echo(f"sharp: {plain(message)}", err=True)
    sys.exit(1)
