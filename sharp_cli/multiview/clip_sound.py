"""The sound of a video, for films of its frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from sharp_cli.multiview.clip import packets_of
from sharp_cli.runtime.files import atomic_write

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

IN_MP4 = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"})
"""Sounds that an .mp4 file holds as they are."""


def copy_sound(clip: Path, target: Path) -> bool:
    """Write a video's first sound to an .m4a file, from the first picture on: unchanged, or as AAC if it cannot be.

    Returns:
        Whether there is a sound that can be read; if not, nothing is written.

    Raises:
        OSError: the target cannot be written.
    """
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(clip)) as source:
            if not (source.streams.audio and source.streams.video):
                return False
            start = _start(source, source.streams.video[0])
        with (
            av.open(str(clip)) as source,
            atomic_write(target) as temporary,
            av.open(str(temporary), "w", format="mp4") as result,
        ):
            stream = source.streams.audio[0]
            pour = _copy if stream.codec_context.name in IN_MP4 else _encode
            pour(source, stream, result, round(start / (stream.time_base or 1)))
    except FFmpegError:
        return False
    return True


def _start(container: InputContainer, stream: VideoStream) -> Fraction:
    """When the first picture is shown [s]."""
    marks = [packet.pts for packet in packets_of(container, stream) if packet.pts is not None and not packet.is_discard]
    return min(marks, default=0) * (stream.time_base or Fraction(1))


def _copy(source: InputContainer, stream: AudioStream, result: OutputContainer, start: int) -> None:
    """Copy the packets that are heard after ``start`` [the stream's time base]."""
    track = result.add_stream_from_template(stream)
    for packet in packets_of(source, stream):
        if packet.pts is not None and packet.dts is not None and packet.pts + (packet.duration or 0) > start:
            packet.pts, packet.dts, packet.stream = max(packet.pts - start, 0), max(packet.dts - start, 0), track
            result.mux(packet)


def _encode(source: InputContainer, stream: AudioStream, result: OutputContainer, start: int) -> None:
    """Encode what is heard after ``start`` [the stream's time base] as AAC."""
    from av.error import FFmpegError

    track = result.add_stream("aac", rate=stream.rate, layout="mono" if stream.channels == 1 else "stereo")
    for packet in packets_of(source, stream):
        try:
            frames = packet.decode()
        except FFmpegError:  # a damaged piece
            continue
        for frame in frames:
            if frame.pts is not None and frame.pts >= start:
                frame.pts -= start
                result.mux(track.encode(frame))
    result.mux(track.encode())
