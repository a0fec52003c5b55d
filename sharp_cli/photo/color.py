"""Any picture that Pillow can decode → 8-bit sRGB."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from sharp_cli.photo.encoding import convert_to_srgb, describe_hdr
from sharp_cli.photo.metadata import Metadata

PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
GRAY = ("1", "L", "LA")
DIRECT = ("L", "RGB", "CMYK")
"""Modes whose channels a color profile may describe; all other modes become one of them first."""

PROFILE_SPACE = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def to_srgb(
    image: Image.Image, background: tuple[int, int, int], metadata: Metadata | None = None
) -> tuple[Image.Image, list[str]]:
    """Bring a decoded picture to 8-bit sRGB.

    16-bit gray is rounded, not cut. 32-bit integers and floats (both gray) do not say which value is white: see
    :func:`white_level`. They are sRGB-encoded like everything else without a profile. Transparent pixels are blended
    with the background as browsers do it, in sRGB values and after the color conversion.

    Args:
        image: any mode; it is not changed.
        background: sRGB 0..255, seen through transparent pixels.
        metadata: declares the color space; by default the image's own profile does.

    Returns:
        The picture in mode RGB (the same object if it needed no change), and notes about what was ignored.
    """
    metadata = Metadata(icc=image.info.get("icc_profile")) if metadata is None else metadata
    image = image.convert(PREMULTIPLIED[image.mode]) if image.mode in PREMULTIPLIED else image
    alpha = _alpha(image)
    colors, notes = _converted(_channels(image), metadata)
    if alpha is not None:
        if alpha.getextrema() == (0, 0):
            notes.append("it is fully transparent: only the background is seen")
        canvas = Image.new("RGB", image.size, background)
        canvas.paste(colors, mask=alpha)
        colors = canvas
    return colors, notes


def white_level(values: NDArray[Any]) -> float:
    """The value to take for white where a file does not say.

    1 for floats up to 16 (highlights beyond 1 are clipped), else the smallest of 255, 65535 and 2³¹ − 1 that
    no value exceeds. NaN and infinity do not count.
    """
    largest = float(np.max(values, where=np.isfinite(values), initial=0.0))
    if values.dtype.kind == "f" and largest <= 16.0:
        return 1.0
    return next((float(level) for level in (255, 65535) if largest <= level), 2.0**31 - 1)


def _alpha(image: Image.Image) -> Image.Image | None:
    if not image.has_transparency_data:
        return None
    if image.mode.startswith("I;16"):  # Pillow compares the transparent value with others cut to 8 bits
        return Image.fromarray(np.where(np.asarray(image) == image.info["transparency"], 0, 255).astype(np.uint8))
    return image.convert("RGBA").getchannel("A")


def _channels(image: Image.Image) -> Image.Image:
    """The color channels alone, 8 bits each, in one of the modes DIRECT."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _deep_gray(image)
    if image.mode in GRAY:
        return image if image.mode == "L" else image.convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA").convert("RGB")
    return image if image.mode in DIRECT else image.convert("RGB")


def _deep_gray(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    tiff = getattr(image, "tag_v2", {})
    bits = tiff.get(Base.BitsPerSample, (16,))[0]  # Pillow reads 12 bits as they are, into 16
    white = 2.0**bits - 1.0 if image.mode.startswith("I;16") else white_level(values)
    shades = np.nan_to_num(values / np.float32(white), nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0)
    if tiff.get(Base.PhotometricInterpretation) == 0:  # white is zero, which Pillow handles in 8 bits only
        shades = 1.0 - shades
    return Image.fromarray(np.rint(shades * 255.0).astype(np.uint8))


def _converted(colors: Image.Image, metadata: Metadata) -> tuple[Image.Image, list[str]]:
    """Channels in sRGB by their declared encoding, else by their profile, else by Pillow's plain rules."""
    encoding = metadata.encoding
    if encoding is not None and colors.mode != "CMYK":
        notes = [describe_hdr(encoding)] if encoding.is_hdr else []
        return convert_to_srgb(_plain_rgb(colors), encoding), notes
    if metadata.icc:
        try:
            return _through_profile(colors, metadata.icc), []
        except (ImageCms.PyCMSError, ImportError, OSError, TypeError, ValueError) as error:
            return _plain_rgb(colors), [f"its color profile was ignored ({error})"]
    return _plain_rgb(colors), []


def _plain_rgb(colors: Image.Image) -> Image.Image:
    return colors if colors.mode == "RGB" else colors.convert("RGB")


def _through_profile(colors: Image.Image, icc: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    space = profile.profile.xcolor_space.strip()
    if space == "RGB" and colors.mode == "L":
        colors = colors.convert("RGB")
    if space != PROFILE_SPACE[colors.mode]:
        raise ValueError(f"it is for {space}, the picture is {PROFILE_SPACE[colors.mode]}")
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        colors.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if colors.mode == "RGB" and _changes_nothing(transform):
        return colors
    return transform.apply(colors)


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform is sRGB's own up to rounding, as most photos' is: then it costs time and gains nothing."""
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    grays = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, -1, 3)
    probe = np.concatenate([cube, grays], axis=1)
    moved = np.asarray(transform.apply(Image.fromarray(probe)))
    return int(np.abs(moved.astype(np.int16) - probe).max()) <= 1
