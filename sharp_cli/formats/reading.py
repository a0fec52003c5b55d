"""What all readers of whole files share: one error message for each way to fail, and rows that cannot be used."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SplatColumns

NAMES = {"log_scales": "scales", "dc": "colors"}
"""Of columns, as :class:`~sharp_cli.gaussians.gaussians.Gaussians` calls them."""


@contextmanager
def reading(path: str | PathLike[str]) -> Iterator[Path]:
    """Put "cannot read PATH: " before every SharpError from within the block, which gives the reason only.

    Raises:
        SharpError: also for what is not a regular file, and for errors of the system.
    """
    try:
        file = Path(path)
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            raise SharpError("it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file")
        yield file
    except SharpError as error:
        raise SharpError(f"cannot read {path}: {error}") from error.__cause__
    except MemoryError as error:
        raise SharpError(f"cannot read {path}: not enough memory") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise SharpError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


class Dropped(str):
    """The sentence of a reader that dropped rows, with its figures."""

    rows: int
    """That were dropped."""
    parts: dict[str, int]
    """Rows that are not finite in each part of the Gaussians; a row may count in several."""

    def __new__(cls, path: str | PathLike[str], rows: int, total: int, parts: dict[str, int]) -> Dropped:
        text = f"{path}: dropped {rows:,} of {total:,} Gaussians, whose values are not finite"
        sentence = super().__new__(cls, text)
        sentence.rows, sentence.parts = rows, parts
        return sentence


def drop_bad_rows(
    columns: SplatColumns, path: str | PathLike[str], warn: Callable[[str], None] = lambda text: None
) -> SplatColumns:
    """Without the rows that hold NaN or infinite values.

    Args:
        warn: gets one sentence (:class:`Dropped`) if rows were dropped.

    Raises:
        SharpError: no row is left of one or more.
    """
    good, parts = np.ones(len(columns.means), bool), {}
    for name, values in columns._asdict().items():
        if values is not None:
            finite = np.isfinite(values).reshape(len(values), -1).all(axis=1) if len(values) else good
            parts[NAMES.get(name, name)] = len(finite) - int(finite.sum())
            good = good & finite
    if good.all():
        return columns
    if not good.any():
        raise SharpError(f"none of its {len(good):,} Gaussians has finite values")
    parts = {name: rows for name, rows in parts.items() if rows}
    warn(Dropped(path, len(good) - int(good.sum()), len(good), parts))
    return columns.take(np.flatnonzero(good))
