"""Opening picture files: which formats, judged by content, and one clear sentence for all that can be wrong."""

from __future__ import annotations

import logging
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ExifTags import Base
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from sharp_cli.errors import SharpError

# Pillow warns about every odd tag of an otherwise good photo. A filter set once and for all, because
# warnings.catch_warnings is not safe in threads and makes other modules' once-only warnings come again.
warnings.filterwarnings("ignore", module=r"PIL\b")
logging.getLogger("PIL").addHandler(logging.NullHandler())

FORMATS = "JPEG, PNG, WebP, TIFF, AVIF, BMP, GIF or HEIC"

MAX_PIXELS = 300_000_000
"""Larger pictures are refused unread: phones reach 200 megapixels, decompression bombs start beyond."""

SIGNATURES: dict[bytes, type[ImageFile]] = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
    b"II+\0": TiffImageFile,
    b"MM\0+": TiffImageFile,
    b"GIF87a": GifImageFile,
    b"GIF89a": GifImageFile,
    b"BM": BmpImageFile,
}
"""First bytes → Pillow's reader; the formats in RIFF and ISO containers are told apart in :func:`_reader`."""

AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})

DNG_VERSION = 0xC612
"""TIFF tag of Adobe's raw files, which phones write too."""


@contextmanager
def open_picture(path: Path) -> Iterator[ImageFile]:
    """Open a picture file as a Pillow image whose pixels are not decoded yet.

    Raises:
        SharpError: for a file that is no readable picture, and in place of whatever Pillow raises while the
            ``with`` block decodes it.
    """
    with _open_file(path) as file, explain_errors(str(path)):
        reader = _reader(file.read(64), path)
        file.seek(0)
        # Not Image.open: it refuses 200 megapixels, maps files into memory that may shrink meanwhile, and hides
        # why a reader gave up.
        with reader(file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SharpError(
                    f"{path} has {image.width} × {image.height} pixels; more than {MAX_PIXELS // 10**6} megapixels "
                    "are not opened, as a guard against decompression bombs."
                )
            if isinstance(image, TiffImageFile):
                _check_tiff(image, path)
            yield image


@contextmanager
def explain_errors(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises for a picture into one sentence that starts with its name."""
    try:
        yield
    except SharpError:
        raise
    except MemoryError as error:
        raise SharpError(f"{name} needs more memory than there is.") from error
    except Image.DecompressionBombError as error:
        raise SharpError(f"{name} is too large to be opened safely ({_one_line(error)}).") from error
    except Exception as error:  # damaged files raise nearly everything: SyntaxError, struct.error, KeyError, …
        raise SharpError(f"{name} is damaged, cut short or of an unknown kind ({_one_line(error)}).") from error


def _open_file(path: Path) -> BinaryIO:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise SharpError(f"{path} is a folder, not a picture.")
        if not stat.S_ISREG(status.st_mode):
            raise SharpError(f"{path} is not a regular file.")
        if status.st_size == 0:
            raise SharpError(f"{path} is empty.")
        return path.open("rb")
    except FileNotFoundError:
        what = "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        raise SharpError(f"{path} {what}.") from None
    except PermissionError:
        raise SharpError(f"{path} may not be read: permission denied.") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise SharpError(f"{path} cannot be opened: {getattr(error, 'strerror', None) or error}.") from None


def _reader(head: bytes, path: Path) -> Callable[[BinaryIO], ImageFile]:
    """Pillow's class for a file that starts with these bytes."""
    for signature, reader in SIGNATURES.items():
        if head.startswith(signature):
            return reader
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WebPImageFile
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[i : i + 4] for i in range(16, end, 4))}
        if brands & AVIF_BRANDS:
            return AvifImageFile
        if brands & HEIC_BRANDS:
            return _heic_reader(path)
    raise SharpError(f"{path} is not a picture that can be read: none of {FORMATS}.")


def _heic_reader(path: Path) -> Callable[[BinaryIO], ImageFile]:
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise SharpError(f'{path} is a HEIC photo; to read those, run: pip install "sharp-cli[heic]"') from None
    return HeifImageFile


def _check_tiff(image: TiffImageFile, path: Path) -> None:
    """Refuse what Pillow would open with a mere warning, or none."""
    tags = image.tag_v2
    incomplete = tags.next == tags.offset  # the directory's end was never reached: the profile may be missing
    if strips := tags.get(Base.StripOffsets):
        incomplete |= len(strips) * tags.get(Base.RowsPerStrip, MAX_PIXELS) < tags[Base.ImageLength]
    if incomplete:
        raise SharpError(f"{path} is cut short.")
    if DNG_VERSION in tags or tags.get(Base.NewSubfileType, 0) & 1:
        raise SharpError(f"{path} is a raw photo that begins with a small preview; develop it to JPEG or TIFF.")


def _one_line(error: Exception) -> str:
    told = " ".join(str(error).split())
    return f"{type(error).__name__} {told}".strip() if isinstance(error, KeyError) or not told else told
