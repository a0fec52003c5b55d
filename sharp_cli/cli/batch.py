"""``sharp batch``: what the batch commands leave behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sharp_cli.cli.display.plain import echo

app = typer.Typer(no_args_is_help=True, help="Look at the records of batch runs.")


@app.command("summary")
def summary(
    records: Annotated[
        list[Path], typer.Argument(metavar="RECORD...", help="Files that --json of convert, render or export wrote.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Merge the records of shards and of resumed runs: counts, failures, seconds, retries.

    Every input counts once, with the best that any record says of it. Exit code 0, 1 if an input failed or is pending,
    2 for wrong use.
    """
    from sharp_cli.batch.summary import summarize

    merged = summarize(records)
    if as_json:
        echo(json.dumps(merged.to_json()))
    else:
        for source, reason in merged.failures.items():
            echo(f"failed  {source}: {reason.removeprefix(f'{source}: ')}")
        for record in merged.running:
            echo(f"running or killed  {record}")
        statuses = ("made", "skipped", "failed", "pending")
        echo(f"inputs   {', '.join(f'{merged.counts[status]:,} {status}' for status in statuses)}")
        echo(f"records  {merged.records:,}, {merged.machine_seconds:,.1f} s together")
        echo(f"retries  {merged.retries:,}")
        for stage, seconds in merged.seconds.items():
            echo(f"{stage}  {seconds:,.2f} s")
    if not merged.is_complete:
        raise typer.Exit(1)
