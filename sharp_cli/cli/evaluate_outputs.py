"""What ``sharp evaluate`` writes, and what it must not replace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sharp_cli.cli.streams import is_stdout
from sharp_cli.cli.values import check_folder
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write

if TYPE_CHECKING:
    from sharp_cli.datasets.samples import Sample


def check_record(path: Path | None, weights: str) -> None:
    """Refuse to write the record over anything but an older one, before the work begins.

    Raises:
        typer.BadParameter: what stands there.
    """
    if path is None or is_stdout(path):
        return
    from sharp_cli.batch.side_outputs import check_side_output

    try:
        check_side_output(path, inputs=[Path(weights)])
    except SharpError as error:
        raise typer.BadParameter(str(error), param_hint="--json") from error


def prepare_sheets(folder: Path, samples: Sequence[Sample]) -> None:
    """Make the folder of the sheets, before the work begins.

    Raises:
        typer.BadParameter: another file stands where a sheet goes.
        SharpError: the folder cannot be made.
    """
    check_folder(folder, "--sheets")
    from sharp_cli.evaluation.sheets import is_sheet

    for number, sample in enumerate(samples, 1):
        sheet = sheet_path(folder, number, sample.name)
        if sheet.exists() and not is_sheet(sheet):
            message = f"{sheet} exists and was not made by sharp evaluate (choose another folder)"
            raise typer.BadParameter(message, param_hint="--sheets")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SharpError(f"cannot make {folder}: {error.strerror or error}") from error


def sheet_path(folder: Path, number: int, name: str) -> Path:
    """Where the sheet of a sample goes; ``number`` counts from 1."""
    return folder / f"{number:04}-{name.replace('/', '-')}.png"


def write_text(path: Path, text: str) -> None:
    """Write a file that is complete or not there.

    Raises:
        SharpError: it cannot be written.
    """
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="ascii")
    except OSError as error:
        raise SharpError(f"cannot write {path}: {error.strerror or error}") from error
