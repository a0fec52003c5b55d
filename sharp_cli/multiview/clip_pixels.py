"""A decoded frame of a video → upright 8-bit sRGB pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sharp_cli.photo.encoding import ColorEncoding, describe_hdr, from_code_points, to_srgb_values

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.stream import VideoStream

Bytes = npt.NDArray[np.uint8]

BT709 = 1
"""The code of its matrix (ITU-T H.273)."""


class Look(NamedTuple):
    """How the frames of a video are to be shown."""

    encoding: ColorEncoding
    """Of their RGB values, in full range."""
    stretch: float
    """Width of a pixel over its height."""

    @property
    def note(self) -> str | None:
        """What a user should know about the colors."""
        return describe_hdr(self.encoding) if self.encoding.is_hdr else None


def look_of(stream: VideoStream) -> Look:
    """How a video says that it is to be shown. Colors that it does not declare, or that we do not know, are sRGB's."""
    context = stream.codec_context
    try:
        encoding = from_code_points(int(context.color_primaries), int(context.color_trc))
    except ValueError:
        encoding = ColorEncoding("sRGB")
    return Look(encoding, float(stream.sample_aspect_ratio or 1))


def show(frame: VideoFrame, look: Look, size: tuple[int, int] | None = None) -> Bytes:
    """(H, W, 3) sRGB, upright and with square pixels.

    Args:
        size: the upright width and height to bring a frame to that shows the same view in another size.
    """
    plain = look.encoding.is_srgb
    width = round(frame.width * look.stretch)
    # PyAV 14 heeds the frame's matrix only where two different ones are named; RGB has none.
    matrices: Any = {"src_colorspace": "ITU709", "dst_colorspace": "ITU601"} if int(frame.colorspace) == BT709 else {}
    picture = frame.reformat(width, frame.height, "rgb24" if plain else "rgb48le", **matrices)
    pixels: Any = turn(picture.to_ndarray(), display_matrix(frame))
    pixels = np.ascontiguousarray(pixels) if plain else to_srgb_values(pixels, look.encoding)
    height, width = pixels.shape[:2]
    return pixels if size is None or not same_view(size, (width, height)) else _resized(pixels, size)


def same_view(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two widths and heights have the same shape, up to a pixel of rounding."""
    return abs(one[0] * other[1] - other[0] * one[1]) <= max(*one, *other)


def display_matrix(frame: VideoFrame) -> npt.NDArray[np.int32]:
    """(2, 2) matrix [[a, b], [c, d]] of a frame: (x, y) is shown at (a x + c y, b x + d y), up to a shift."""
    found = next((bytes(data) for data in frame.side_data if data.type.name == "DISPLAYMATRIX"), None)  # type: ignore[arg-type, attr-defined]  # a buffer
    if found is None or len(found) != 36:
        return np.eye(2, dtype=np.int32)
    return np.frombuffer(found, np.int32).reshape(3, 3)[:2, :2]


def turn(pixels: npt.NDArray[Any], matrix: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """Show pixels as a display matrix says, in quarter turns and mirrored."""
    (a, b), (c, d) = matrix.tolist()
    if abs(b) > abs(a):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _resized(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    from PIL import Image

    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
