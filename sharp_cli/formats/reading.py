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


def drop_bad_rows(
    columns: SplatColumns, path: str | PathLike[str], warn: Callable[[str], None] = lambda text: None
) -> SplatColumns:
    """Without the rows that hold NaN or infinite values.

    Args:
        warn: gets one sentence with the number of rows that were dropped, if any.

    Raises:
        SharpError: no row is left of one or more.
    """
    good = np.ones(len(columns.means), bool)
    for values in columns:
        if values is not None:
            good &= np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if good.all():
        return columns
    if not good.any():
        raise SharpError(f"none of its {len(good):,} Gaussians has finite values")
    warn(f"{path}: dropped {len(good) - good.sum():,} of {len(good):,} Gaussians, whose values are not finite")
    return columns.take(np.flatnonzero(good))
