"""PFM, the float maps that stereo data sets come in."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharp_cli.errors import SharpError

HEADER = re.compile(rb"P([Ff])\s+(\d{1,6})\s+(\d{1,6})\s+([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s")


def read_pfm(path: Path) -> NDArray[np.float32]:
    """Read a map of one channel: (H, W), first row at the top.

    A negative scale says that values are little-endian. Its size is not applied: Middlebury's files have 1/255 there,
    and yet hold disparities in pixels.

    Raises:
        SharpError: the file is missing, damaged, cut short, or has three channels.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error
    header = HEADER.match(content)
    if header is None or float(header[4]) == 0:
        raise SharpError(f"cannot read {path}: not a PFM file")
    if header[1] == b"F":
        raise SharpError(f"cannot read {path}: it has three channels, and a disparity map has one")
    width, height = int(header[2]), int(header[3])
    values = content[header.end() :]
    if len(values) != 4 * width * height or not values:
        raise SharpError(f"cannot read {path}: it does not hold {width} × {height} values (copy it again)")
    order = "<f4" if header[4].startswith(b"-") else ">f4"
    rows = np.frombuffer(values, order).reshape(height, width)
    return np.ascontiguousarray(rows[::-1], dtype=np.float32)
