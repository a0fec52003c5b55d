"""A picture's size from its header, without decoding it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP", "GIF")


def picture_pixels(path: Path) -> int | None:
    """How many pixels a file says its picture has; None if only decoding can show it (HEIC, damaged files).

    Beyond 179 million, the answer may be a smaller number than the true one, but it is larger than 178 million.
    """
    try:
        with Image.open(path, formats=PILLOW_FORMATS) as image:
            return image.width * image.height
    except Image.DecompressionBombError:
        return 2 * (Image.MAX_IMAGE_PIXELS or 0) + 1
    except Exception:  # damaged files raise nearly everything; reading explains them
        return None
