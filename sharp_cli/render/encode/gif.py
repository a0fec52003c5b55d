"""Animated GIF: at most 256 colors per frame, dithered.

Frames share one palette as long as it fits them, because a change makes still surfaces flicker. The provenance is in a
comment at the end; a GIF allows comments anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.render.encode.frame import Frame

Bytes = npt.NDArray[np.uint8]

MOST_FPS = 50
"""Browsers slow down frames shorter than two hundredths of a second to ten hundredths."""
TICKS = 100  # per second

SAMPLE_EVERY = 3
"""Palettes are computed from every third pixel of every third row."""
WORN = 1.25
"""A palette is replaced when a frame's error exceeds this many times the error of the palette's first frame."""
NEGLIGIBLE = 1.0  # of 255; smaller errors replace no palette

TRAILER = b"\x3b"
EXTENSION, COMMENT = b"\x21", b"\xfe"
IMAGE = b"\x2c"


def write_gif(path: Path, frames: Iterator[Frame], *, rate: Fraction, loop: bool, comment: str) -> None:
    """Encode (H, W, 3) frames."""
    first = next(frames)
    with av.open(str(path), "w", format="gif", options={"loop": "0" if loop else "-1"}) as container:
        stream = container.add_stream("gif", rate=TICKS)
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], "pal8"
        for index, quantized in enumerate(_quantize(chain([first], frames))):
            picture = av.VideoFrame.from_ndarray(quantized, format="pal8")  # type: ignore[arg-type]  # its stubs know no pair
            picture.pts, picture.time_base = round(index * TICKS / rate), Fraction(1, TICKS)
            for packet in stream.encode(picture):
                end = round((index + 1) * TICKS / rate)  # the last frame has no next one to end it
                packet.duration = end - picture.pts
                container.mux(packet)
    _append_comment(path, comment)


def read_gif_comment(path: Path) -> str | None:
    """The last comment.

    Raises:
        SharpError: not a GIF, or truncated.
    """
    try:
        with path.open("rb") as file:
            return _last_comment(file)
    except (EOFError, ValueError) as error:
        raise SharpError(f"cannot read {path}: not a complete GIF file (render it again)") from error


def _quantize(frames: Iterator[Frame]) -> Iterator[tuple[Bytes, Bytes]]:
    """(H, W) palette indices of each frame, and its (256, 4) palette A, R, G, B."""
    palette, usual_error = None, 0.0
    for frame in frames:
        picture = Image.fromarray(frame)
        if palette is not None:
            indices = _indices(picture, palette)
            if _error(frame, indices, palette) > WORN * max(usual_error, NEGLIGIBLE):
                palette = None
        if palette is None:
            palette = _palette(frame)
            indices = _indices(picture, palette)
            usual_error = _error(frame, indices, palette)
        yield indices, np.insert(palette, 0, 255, axis=1)


def _palette(frame: Frame) -> Bytes:
    """(256, 3) colors for a frame."""
    sample = Image.fromarray(np.ascontiguousarray(frame[::SAMPLE_EVERY, ::SAMPLE_EVERY]))
    colors = sample.quantize(256, Image.Quantize.MEDIANCUT, kmeans=1).getpalette() or []
    palette = np.zeros((256, 3), np.uint8)
    palette.reshape(-1)[: len(colors)] = colors
    return palette


def _indices(picture: Image.Image, palette: Bytes) -> Bytes:
    holder = Image.new("P", (1, 1))
    holder.putpalette(palette.tobytes())
    return np.asarray(picture.quantize(palette=holder, dither=Image.Dither.FLOYDSTEINBERG))


def _error(frame: Frame, indices: Bytes, palette: Bytes) -> float:
    sample = np.s_[::SAMPLE_EVERY, ::SAMPLE_EVERY]
    return float(np.abs(palette[indices[sample]].astype(np.int16) - frame[sample]).mean())


def _append_comment(path: Path, comment: str) -> None:
    data = comment.encode("ascii")
    blocks = [data[i : i + 255] for i in range(0, len(data), 255)]
    with path.open("r+b") as file:
        file.seek(-len(TRAILER), 2)
        file.write(EXTENSION + COMMENT + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0" + TRAILER)


def _last_comment(file: BinaryIO) -> str | None:
    """Walk through all blocks (GIF89a specification, appendix B) to the trailer."""
    comment = None
    header = _read(file, 13)
    if header[:6] not in (b"GIF87a", b"GIF89a"):
        raise ValueError("not a GIF")
    _skip_colors(file, header[10])
    while (kind := _read(file, 1)) != TRAILER:
        if kind == EXTENSION:
            label = _read(file, 1)
            data = _sub_blocks(file)
            comment = data.decode("ascii", "replace") if label == COMMENT else comment
        elif kind == IMAGE:
            _skip_colors(file, _read(file, 9)[8])
            _read(file, 1)
            _sub_blocks(file)
        else:
            raise ValueError("not a block of a GIF")
    return comment


def _skip_colors(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        _read(file, 3 << (flags & 7) + 1)


def _sub_blocks(file: BinaryIO) -> bytes:
    blocks = []
    while length := _read(file, 1)[0]:
        blocks.append(_read(file, length))
    return b"".join(blocks)


def _read(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data
