"""``sharp doctor``: what works on this machine, and what to do about the rest."""

from __future__ import annotations

from typing import Annotated

import typer

from sharp_cli.cli.interrupts import import_torch

STYLES = {"ok": "green", "note": "yellow", "problem": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """Check this installation: versions, devices, weights, extras, encoder, space, and other commands named sharp.

    Add its output to bug reports. Exit code 1 if photos cannot be converted.
    """
    import_torch()
    from sharp_cli.doctor import examine

    findings = list(examine())
    if as_json:
        import json

        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for level, subject, text, remedy in ((f.level, f.subject, f.text, f.remedy) for f in findings):
            table.add_row(Text(level, STYLES[level]), Text(subject), Text(f"{text} ({remedy})" if remedy else text))
        Console(highlight=False).print(table)
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(1)
