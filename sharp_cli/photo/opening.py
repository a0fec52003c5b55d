"""Opening picture files, and one clear sentence for whatever is wrong with them."""

from __future__ import annotations

import logging
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.photo.containers import Picture, read_picture
from sharp_cli.photo.decoding import TRUNCATED, PictureError

# Pillow warns about every odd tag of an otherwise good photo. A filter set once and for all, because
# warnings.catch_warnings is not safe in threads and makes other modules' once-only warnings come again.
warnings.filterwarnings("ignore", module=r"PIL\b")
logging.getLogger("PIL").addHandler(logging.NullHandler())


def open_picture(path: Path) -> Picture:
    """Read and decode a picture file, whatever its ending.

    Raises:
        SharpError: the file cannot be read or is no readable picture.
    """
    with explain_errors(str(path)), _open_file(path) as file:
        return read_picture(file)


@contextmanager
def explain_errors(name: str) -> Iterator[None]:
    """Turn whatever is raised for a picture into one sentence: ``cannot read NAME: reason (remedy)``."""
    try:
        yield
    except SharpError:
        raise
    except PictureError as error:
        raise SharpError(f"cannot read {name}: {error}") from error
    except MemoryError as error:
        raise SharpError(f"cannot read {name}: not enough memory", "out_of_memory") from error
    except Image.DecompressionBombError as error:
        raise SharpError(f"cannot read {name}: file is too large to be opened safely ({_one_line(error)})") from error
    except Exception as error:  # damaged files raise nearly everything: SyntaxError, struct.error, KeyError, …
        what = TRUNCATED if "truncated" in str(error).lower() else f"file is damaged ({_one_line(error)})"
        raise SharpError(f"cannot read {name}: {what}") from error


def _open_file(path: Path) -> BinaryIO:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PictureError("it is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise PictureError("it is not a regular file")
        if status.st_size == 0:
            raise PictureError("file is empty")
        return path.open("rb")
    except FileNotFoundError:
        what = "it is a link to a file that does not exist" if path.is_symlink() else "file does not exist"
        raise PictureError(what) from None
    except PermissionError:
        raise PictureError("permission denied") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise PictureError(f"file cannot be opened ({getattr(error, 'strerror', None) or error})") from None


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__} {text}".strip() if isinstance(error, KeyError) or not text else text
