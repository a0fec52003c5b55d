"""H.264 in .mp4, as browsers and phones play it.

Colors are BT.709 of limited range, and marked as such: players guess BT.601 or BT.709 for unmarked video from its
size, which shifts greens and reds. The index (moov) comes first, so that a browser plays while it loads. H.264 with
halved colors has even sizes only: odd ones get one more row or column, a copy of the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from sharp_cli.errors import SharpError
from sharp_cli.render.encode.frame import Frame, kind_of

ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
"""Best first; the last two come with macOS and Windows."""
X264 = {"crf": "18", "preset": "fast"}
"""Visually lossless. "medium" takes 1.5 times as long for as many bytes, "veryfast" loses 1 dB."""
BITS_PER_PIXEL = 0.2
"""For encoders without constant quality."""

BT709 = 1
"""The code for primaries, transfer curve and matrix alike (ITU-T H.273)."""


def write_mp4(
    path: Path, frames: Iterator[Frame], *, rate: Fraction, loop: bool, comment: str, sound: Path | None = None
) -> None:
    """Encode (H, W, 3) frames or planes; ``loop`` is for formats that can store it.

    Args:
        sound: an .m4a file to copy, as far as the picture lasts.
    """
    frames = map(_even, frames)
    first = next(frames)
    timescale = rate.numerator * (1 + 999 // rate.numerator)  # ticks that every duration is a whole number of
    options = {"movflags": "+faststart", "movie_timescale": str(timescale)}
    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(path), "w", format="mp4", options=options))
        container.metadata["comment"] = comment
        stream = _stream(container, first, rate)
        heard = iter(()) if sound is None else _sound(container, stack.enter_context(av.open(str(sound))))
        waiting = next(heard, None)
        for index, frame in enumerate(chain([first], frames)):
            container.mux(stream.encode(_picture(frame, index, rate)))
            while waiting is not None and waiting.pts * waiting.time_base < (index + 1) / rate:
                container.mux(waiting)
                waiting = next(heard, None)
        container.mux(stream.encode())


def _sound(container: OutputContainer, source: InputContainer) -> Iterator[Any]:
    """The packets of a file's sound, for another container."""
    stream = source.streams.audio[0]
    track = container.add_stream_from_template(stream)
    for packet in source.demux(stream):
        if packet.pts is not None:
            packet.stream = track
            yield packet


def read_mp4_comment(path: Path) -> str | None:
    """The comment in the file.

    Raises:
        SharpError: not an .mp4 file, or truncated.
    """
    _check_complete(path)
    try:
        with av.open(str(path), format="mp4") as container:
            return container.metadata.get("comment")
    except FFmpegError as error:
        raise SharpError(f"cannot read {path}: not a valid .mp4 file ({error.strerror})") from error


def _encoder() -> str:
    for name in ENCODERS:
        try:
            av.Codec(name, "w")
        except UnknownCodecError:
            continue
        return name
    raise SharpError(
        "the installed PyAV has no H.264 encoder (install its wheel: pip install --force-reinstall --only-binary av "
        "av; or choose gif, webp or png)"
    )


def _stream(container: OutputContainer, frame: Frame, rate: Fraction) -> VideoStream:
    name = _encoder()
    height, width = frame.shape[:2]
    height = height * 2 // 3 if kind_of(frame) == "planes" else height
    stream = cast(VideoStream, container.add_stream(name, rate=rate, options=X264 if name == ENCODERS[0] else {}))
    if name != ENCODERS[0]:
        stream.bit_rate = int(width * height * rate * BITS_PER_PIXEL)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.colorspace, context.color_range = BT709, ColorRange.MPEG
    context.color_primaries, context.color_trc = BT709, BT709
    return stream


def _even(frame: Frame) -> Frame:
    """Repeat the last row and column where there is an odd number of them."""
    height, width = frame.shape[:2]
    if kind_of(frame) == "planes" or height % 2 == width % 2 == 0:
        return frame
    return cast(Frame, np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))


def _picture(frame: Frame, index: int, rate: Fraction) -> av.VideoFrame:
    """A frame as YUV; a block's color is the mean of its four pixels, which swscale's default weighs coarsely."""
    if kind_of(frame) == "planes":
        picture = av.VideoFrame.from_ndarray(frame, format="yuv420p")
    else:
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", interpolation="AREA"
        )
    picture.pts, picture.time_base = index, 1 / rate
    return picture


def _check_complete(path: Path) -> None:
    """Check that the file's boxes fill it to its end, and that index and frames are among them."""
    size, place, kinds = path.stat().st_size, 0, set()
    with path.open("rb") as file:
        while place < size:
            file.seek(place)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            if length == 1:
                length = int.from_bytes(header[8:], "big")
            elif length == 0:
                length = size - place  # "to the end of the file"
            if len(header) < 8 or length < 8:
                break
            kinds.add(header[4:8])
            place += length
    if place != size or not {b"moov", b"mdat"} <= kinds:
        raise SharpError(f"cannot read {path}: not a complete .mp4 file (render it again)")
