"""A small clip, one call that writes it as sharp does, and others that write what cameras and editors make."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from sharp_cli.render.encode import open_encoder

OLD_PYAV = not hasattr(av.video.stream.VideoStream, "set_display_rotation")
"""Cannot write what some tests read."""

FACTS = {"path": "swipe", "name": 'Zoë’s <photo> & "more"', "long": "x" * 700}


def sample_frames(count: int = 5, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """A gradient with a square that moves by 6 px per frame."""
    frames = []
    for i in range(count):
        frame = np.zeros((height, width, 3), np.uint8)
        frame[..., 0] = np.linspace(0, 200, width)
        frame[..., 2] = np.linspace(30, 220, height)[:, None]
        frame[10:30, 6 * i : 6 * i + 20] = 250, 240, 20
        frames.append(frame)
    return frames


def write(path: Path, format: Any, frames: list[np.ndarray], fps: float | Fraction = 30, **options: Any) -> Path:
    with open_encoder(path, format, fps=fps, facts=options.pop("facts", FACTS), **options) as encoder:
        for frame in frames:
            encoder.add(frame)
    return path


def write_clip(
    path: Path,
    frames: list[np.ndarray],
    marks: list[int] | None = None,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    setup: Callable[[Any], object] = lambda stream: None,
    sound: tuple[str, float] | None = None,
) -> Path:
    """A video whose frames are shown at ``marks`` thirtieths of a second.

    Args:
        frames: sRGB, 8 bits; or 16, whose values are stored as they are with the matrix of BT.2020.
        setup: of the stream, before the first frame.
        sound: codec and seconds of a tone.
    """
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=30, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, 30)
        setup(stream)
        if sound:
            write_tone(container, *sound)
        for mark, frame in zip(marks or range(len(frames)), frames, strict=True):
            deep = frame.dtype == np.uint16
            picture = av.VideoFrame.from_ndarray(frame, format="rgb48le" if deep else "rgb24")
            if deep:
                picture = picture.reformat(format=pixels, dst_colorspace=9, dst_color_range=1)
            picture.pts, picture.time_base = mark, Fraction(1, 30)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def write_tone(container: Any, codec: str, seconds: float, rate: int = 48000) -> None:
    """A second stream: a tone."""
    stream = container.add_stream(codec, rate=rate, layout="mono")
    wave = np.sin(np.arange(round(seconds * rate)) * 0.05)
    for at in range(0, len(wave), 1024):
        piece = av.AudioFrame.from_ndarray((wave[None, at : at + 1024] * 8000).astype(np.int16), "s16", "mono")
        piece.pts, piece.sample_rate, piece.time_base = at, rate, Fraction(1, rate)
        container.mux(stream.encode(piece))
    container.mux(stream.encode())


def rewrite(source: Path, target: Path, keep: Callable[[int], bool]) -> Path:
    """Copy the packets of a video whose place ``keep`` holds true for."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = old.streams.video[0]
        track = new.add_stream_from_template(stream)
        packets = [packet for packet in old.demux(stream) if packet.pts is not None]
        for place, packet in enumerate(packets):
            if keep(place):
                packet.stream = track
                new.mux(packet)
    return target


def write_sizes(path: Path, shapes: list[tuple[int, int]]) -> Path:
    """A video each of whose frames has a height and width of its own."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=30)
        stream.height, stream.width = shapes[0]
        stream.pix_fmt = "yuvj420p"
        for mark, (height, width) in enumerate(shapes):
            encoder: Any = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
            encoder.time_base = Fraction(1, 30)
            picture = av.VideoFrame.from_ndarray(sample_frames(1, height, width)[0], format="rgb24")
            picture = picture.reformat(format="yuvj420p")
            picture.pts, picture.time_base = mark, Fraction(1, 30)
            for packet in encoder.encode(picture):
                packet.stream = stream
                container.mux(packet)
    return path
