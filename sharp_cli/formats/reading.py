"""What all readers of whole files share: one error message for each way to fail, and rows that cannot be used."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import Floats, SplatColumns, any_values
from sharp_cli.gaussians.sh import SH_C0

NAMES = {"log_scales": "scales", "dc": "colors"}
"""Of columns, as :class:`~sharp_cli.gaussians.gaussians.Gaussians` calls them."""

LARGEST = float(np.finfo(np.float32).max)
ALL = (-LARGEST, LARGEST)
LARGEST_SRGB = 0.999 * 1.055 * LARGEST ** (1 / 2.4)
RANGES = {"log_scales": (-np.inf, 88.72283), "dc": (-LARGEST, LARGEST_SRGB / SH_C0)}
"""Of columns whose Gaussians are finite for other values than finite ones: a scale may be zero, but neither it nor the
linear color may be infinite (e^88.72284 is, in fp32)."""


MOST_REASON = 400
"""Characters of why a file cannot be read: a reason may quote what the file holds, which may be anything."""


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
        with any_values():
            yield file
    except SharpError as error:
        reason = str(error)
        if len(reason) > MOST_REASON:
            reason = f"{reason[:MOST_REASON]} …"
        raise SharpError(f"cannot read {path}: {reason}") from error.__cause__
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
    """:func:`finite_rows`, for readers without further interest in the others.

    Args:
        warn: gets one sentence (:class:`Dropped`) if rows were dropped.
    """
    kept, parts = finite_rows(columns)
    if parts:
        warn(Dropped(path, len(columns.means) - len(kept.means), len(columns.means), parts))
    return kept


def finite_rows(columns: SplatColumns) -> tuple[SplatColumns, dict[str, int]]:
    """Without the rows whose Gaussians would have NaN or infinite values, and how many have them by part.

    Raises:
        SharpError: no row is left of one or more.
    """
    bad = {NAMES.get(name, name): ~_sound(values, *RANGES.get(name, ALL)) for name, values in _suspects(columns)}
    if not bad:
        return columns, {}
    good = ~np.logical_or.reduce(np.stack([*bad.values()]), axis=0)
    if not good.any():
        raise SharpError(f"none of its {len(good):,} Gaussians has finite values (NaN or infinite in {', '.join(bad)})")
    return columns.take(np.flatnonzero(good)), {name: int(rows.sum()) for name, rows in bad.items()}


def _suspects(columns: SplatColumns) -> Iterator[tuple[str, Floats]]:
    """The columns with values that are not finite, found without the copies that other ways make of everything."""
    for name, values in columns._asdict().items():
        if values is not None and values.size:
            low, high = RANGES.get(name, ALL)
            if not (values.min() >= low and values.max() <= high):  # both are NaN if a value is
                yield name, values


def _sound(values: Floats, low: float, high: float) -> npt.NDArray[np.bool_]:
    """(N,) rows whose values all lie in a range."""
    inside = (values >= low) & (values <= high)
    return np.logical_and.reduce(inside.reshape(len(values), -1), axis=1)
