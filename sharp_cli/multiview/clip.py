"""Frames of a video, upright and in sRGB, with the time at which each is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

NO_ORDER = frozenset({"avi"})
"""Containers that do not say when a frame is shown, only in which order frames are stored."""


class ClipFrame(NamedTuple):
    """One frame."""

    number: int
    """Among all frames of the clip."""
    pixels: npt.NDArray[np.uint8]
    """(H, W, 3) sRGB, upright."""
    size: tuple[int, int]
    """Width and height of the clip's first frame. Other sizes of the same shape are brought to it."""


class Clip(NamedTuple):
    """What a video says about its frames, without decoding them."""

    seconds: list[float]
    """When each is shown, from the first one on."""
    note: str | None
    """What a user should know about the colors."""
    marks: list[int]
    """The same in the stream's own time base, by which a decoded frame is known."""


def inspect_clip(path: Path) -> Clip:
    """Look through a video.

    Raises:
        SharpError: the file cannot be read or has no video.
    """
    from sharp_cli.multiview.clip_pixels import look_of

    with _opened(path) as (container, stream):
        marks = _marks(container, stream)
        base, note = float(stream.time_base or 0), look_of(stream).note
    if not marks:
        raise SharpError(f"cannot use {path}: its video has no frames")
    return Clip([(mark - marks[0]) * base for mark in marks], note, marks)


def read_frames(path: Path, every: int = 1, start: int = 0, clip: Clip | None = None) -> Iterator[ClipFrame]:
    """Every N-th frame in the order of the film, from frame ``start`` on; frames that cannot be decoded are left out.

    Args:
        clip: what :func:`inspect_clip` found, so that the file is not looked through again.

    Raises:
        SharpError: the file cannot be read.
    """
    from sharp_cli.multiview.clip_pixels import look_of, show

    if clip is None:
        with _opened(path) as (container, stream):
            marks = _marks(container, stream)
    else:
        marks = clip.marks
    number_at = {mark: number for number, mark in enumerate(marks)}
    with _opened(path) as (container, stream):
        counted = container.format.name in NO_ORDER
        look, size, number = look_of(stream), None, -1
        for frame in _decoded(container, stream):
            known = None if counted or frame.pts is None else number_at.get(frame.pts)
            number = max(number + 1, known or 0)
            if size is None or (number >= start and number % every == 0):
                pixels = show(frame, look, size)
                size = size or (pixels.shape[1], pixels.shape[0])
                if number >= start and number % every == 0:
                    yield ClipFrame(number, pixels, size)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video file and its picture.

    Raises:
        SharpError: the file cannot be read or has no video.
    """
    import av
    from av.error import EOFError as AvEOFError
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise SharpError(f"cannot use {path}: it has no video")
            yield container, container.streams.video[0]
    except AvEOFError as error:
        raise SharpError(f"cannot read {path}: file is truncated (re-copy it from the camera)") from error
    except (FFmpegError, OSError) as error:
        raise SharpError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _marks(container: InputContainer, stream: VideoStream) -> list[int]:
    """When frames are shown, in the stream's time base, in order. A file that breaks off has those before."""
    marks = set()
    for packet in packets_of(container, stream):
        mark = packet.dts if packet.pts is None else packet.pts
        if mark is not None and not packet.is_discard:
            marks.add(mark)
    return sorted(marks)


def packets_of(container: InputContainer, stream: Stream) -> Iterator[Any]:
    """A stream's packets. A file that breaks off has those before."""
    from av.error import FFmpegError

    with suppress(FFmpegError):
        yield from container.demux(stream)


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """The frames that are not damaged, in order."""
    from av.error import FFmpegError

    packets = container.demux(stream)
    while True:
        try:
            frames = next(packets).decode()
        except StopIteration:
            return
        except FFmpegError:
            continue
        yield from (frame for frame in frames if not frame.is_corrupt)
