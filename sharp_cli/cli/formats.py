"""``sharp formats``: which splat files can be read and written, and what each of them loses."""

from __future__ import annotations

from typing import Annotated

import typer


def formats(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """List the splat formats: suffix, whether sharp reads and writes it, and what a splat loses in it."""
    from sharp_cli.formats.registry import FORMATS

    if as_json:
        import json

        rows = [
            {"suffix": f.suffix, "reads": f.reader is not None, "writes": f.writer is not None, "loses": f.loses}
            for f in FORMATS
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("format", "read", "write", "what it loses"):
        table.add_column(heading, overflow="fold")
    for known in FORMATS:
        table.add_row(
            known.suffix, "yes" if known.reader else "no", "yes" if known.writer else "no", known.loses or "nothing"
        )
    Console(highlight=False).print(table)
