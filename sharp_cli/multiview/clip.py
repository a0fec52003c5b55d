"""Frames of a video, upright, with the time at which each is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError


class ClipFrame(NamedTuple):
    """One frame."""

    number: int
    """Among all frames of the clip."""
    seconds: float
    """From the first frame on."""
    pixels: npt.NDArray[np.uint8]
    """(H, W, 3) sRGB, upright."""


def frame_times(path: Path) -> list[float]:
    """When each frame of a video is shown, in seconds from the first one: without decoding it.

    Raises:
        SharpError: the file cannot be read or has no video.
    """
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise SharpError(f"cannot use {path}: it has no video")
            stream = container.streams.video[0]
            base = float(stream.time_base or 0)
            marks = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
    except (FFmpegError, OSError) as error:
        raise SharpError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if not marks:
        raise SharpError(f"cannot use {path}: its video has no frames")
    return [(mark - marks[0]) * base for mark in marks]


def read_frames(path: Path, every: int = 1, start: int = 0) -> Iterator[ClipFrame]:
    """Every N-th frame in the order of the film, from frame ``start`` on; frames that cannot be decoded are left out.

    Raises:
        SharpError: the file cannot be read.
    """
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            first: float | None = None
            for index, frame in enumerate(container.decode(stream)):
                seconds = float(frame.time or 0.0)
                first = seconds if first is None else first
                if index >= start and index % every == 0:
                    pixels = frame.to_ndarray(format="rgb24")
                    turns = round(getattr(frame, "rotation", 0) / 90) % 4
                    yield ClipFrame(index, seconds - first, np.ascontiguousarray(np.rot90(pixels, turns)))
    except (FFmpegError, OSError, IndexError) as error:
        raise SharpError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
