"""From linear light to a picture: exposure and tone as a camera chooses them, and what a phone does to a photo."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from sharp_cli.runtime.srgb import linear_to_srgb
from sharp_cli.scenes.compiling import inlined, kernel
from sharp_cli.scenes.layout import Bytes, Doubles, Floats


@dataclass(frozen=True)
class Development:
    """How one camera turns light into sRGB; the same for all views of a scene."""

    gains: Floats
    """(3,) exposure and white balance."""
    shoulder: float
    """0: highlights clip; toward 1: they roll off softly."""
    contrast: float
    saturation: float


def choose_development(rng: Generator, color: NDArray[np.float32]) -> Development:
    """Expose for a picture as automatic cameras do, now and then too dark or too bright.

    Args:
        color: (H, W, 3) linear RGB, ≥ 0.
    """
    luminance = color @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    middle = float(np.exp(np.log(luminance + 1e-3).mean()))
    bright = float(np.percentile(luminance, 90)) + 1e-3
    target = np.exp(rng.normal(np.log(0.17), 0.35))
    exposure = (target / middle) ** 0.6 * (rng.uniform(0.6, 1.0) / bright) ** 0.4
    exposure = min(exposure, 3.0)  # night stays dark
    warm, green = rng.normal(0, 0.05), rng.normal(0, 0.015)
    gains = exposure * np.array([1 + warm, 1 + green, 1 - warm])
    return Development(gains.astype(np.float32), rng.uniform(0, 1), rng.uniform(0.9, 1.25), rng.uniform(0.75, 1.25))


def develop(color: NDArray[np.float32], how: Development) -> Bytes:
    """(H, W, 3) linear RGB to sRGB bytes."""
    picture = np.empty(color.shape, np.uint8)
    gains = how.gains.astype(np.float64)
    _develop(
        color.reshape(-1, 3), gains, how.shoulder, how.saturation, _tone_curve(how.contrast), picture.reshape(-1, 3)
    )
    return picture


@kernel
def _develop(color: Floats, gains: Doubles, shoulder: float, saturation: float, curve: Bytes, picture: Bytes) -> None:
    top = len(curve) - 1
    for i in range(len(color)):
        r = _rolled_off(color[i, 0] * gains[0], shoulder)
        g = _rolled_off(color[i, 1] * gains[1], shoulder)
        b = _rolled_off(color[i, 2] * gains[2], shoulder)
        gray = (r + g + b) / 3.0
        picture[i, 0] = curve[int(min(max(gray + saturation * (r - gray), 0.0), 1.0) * top + 0.5)]
        picture[i, 1] = curve[int(min(max(gray + saturation * (g - gray), 0.0), 1.0) * top + 0.5)]
        picture[i, 2] = curve[int(min(max(gray + saturation * (b - gray), 0.0), 1.0) * top + 0.5)]


@inlined
def _rolled_off(linear: float, shoulder: float) -> float:
    linear = max(linear, 0.0)
    return linear * (1.0 + linear / 6.0) / (1.0 + linear * 0.6 * shoulder)


CURVE_STEPS = 1 << 14


@lru_cache(maxsize=2)
def _tone_curve(contrast: float) -> Bytes:
    """(CURVE_STEPS,) sRGB bytes of linear light from 0 to 1, bent into an S by a ``contrast`` over 1."""
    linear = np.linspace(0.0, 1.0, CURVE_STEPS)
    srgb = linear_to_srgb(linear)
    bent = srgb + (contrast - 1.0) * (srgb - 0.5) * 4.0 * srgb * (1.0 - srgb)
    return np.rint(np.clip(bent, 0.0, 1.0) * 255.0).astype(np.uint8)


def degrade(rng: Generator, picture: Bytes) -> Bytes:
    """What reaches the network of a real photo: some blur, noise, vignetting and JPEG, each now and then."""
    height, width, _ = picture.shape
    image = Image.fromarray(picture)
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9) * width / 512))
    values = np.array(image, np.float32)
    if rng.random() < 0.6:
        strength = np.float32(rng.exponential(3.0))
        noise = rng.standard_normal((height, width, 3), dtype=np.float32)
        values += strength * (np.float32(0.4) + np.float32(0.6) * np.sqrt(values / np.float32(255))) * noise
    if rng.random() < 0.3:
        y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
        values *= (1 - rng.uniform(0, 0.25) * (x * x + y * y) / 2)[..., None].astype(np.float32)
    image = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if rng.random() < 0.6:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(rng.integers(40, 97)))
        image = Image.open(file)
    return np.asarray(image)
