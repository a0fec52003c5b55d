"""Color encodings that files declare without an ICC profile, and their way to 8-bit sRGB.

Primaries and transfer functions are those of ITU-T H.273 (the numbers in ``nclx`` boxes and PNG's ``cICP``), BT.2100
for HDR, DCF 2.0 for Adobe RGB, and the PNG specification for ``gAMA`` and ``cHRM``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sharp_cli.runtime.srgb import srgb_to_linear

Floats = NDArray[np.float32]
Chromaticity = tuple[float, float]

D65 = (0.3127, 0.3290)
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))

PRIMARIES: dict[int, tuple[str, tuple[Chromaticity, Chromaticity, Chromaticity], Chromaticity]] = {
    1: ("BT.709", SRGB_PRIMARIES, D65),
    4: ("BT.470 M", ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), (0.310, 0.316)),
    5: ("BT.601 (625 lines)", ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), D65),
    6: ("BT.601 (525 lines)", ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), D65),
    7: ("SMPTE 240M", ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), D65),
    9: ("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65),
    11: ("DCI-P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), (0.314, 0.351)),
    12: ("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), D65),
    22: ("EBU 3213", ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)), D65),
}
"""H.273 ColourPrimaries → name, red, green, and blue, and white, as CIE x and y."""

Transfer = Literal["srgb", "pq", "hlg"] | float
"""A curve by name, or a power: light is value ** power."""

TRANSFERS: dict[int, Transfer] = {
    **dict.fromkeys((1, 6, 7, 11, 12, 13, 14, 15), "srgb"),
    4: 2.2,
    5: 2.8,
    8: 1.0,
    16: "pq",
    17: 2.6,
    18: "hlg",
}
"""H.273 TransferCharacteristics. The curves of SDR television (1, 6, 7, 11, 12, 14, 15) describe cameras; such pictures
are graded and shown on the same displays as sRGB, so that browsers treat them alike, and so do we."""

UNSPECIFIED = 2

SDR_WHITE_NITS = 203.0
"""Luminance that becomes sRGB's white: BT.2408's reference white for HDR."""

HLG_PEAK_NITS, HLG_GAMMA = 1000.0, 1.2
"""BT.2100's nominal display."""

STRIP_PIXELS = 1 << 18


@dataclass(frozen=True)
class ColorEncoding:
    """How RGB values relate to light."""

    name: str
    primaries: tuple[Chromaticity, Chromaticity, Chromaticity] = SRGB_PRIMARIES
    white: Chromaticity = D65
    transfer: Transfer = "srgb"
    full_range: bool = True
    """Whether 0..1 spans all values; else 16..235 of 255 do."""

    @property
    def is_srgb(self) -> bool:
        """Whether nothing needs to be converted."""
        same = np.allclose((*self.primaries, self.white), (*SRGB_PRIMARIES, D65), atol=2e-3)
        return same and self.transfer == "srgb" and self.full_range

    @property
    def is_hdr(self) -> bool:
        return self.transfer in ("pq", "hlg")


ADOBE_RGB = ColorEncoding("Adobe RGB", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), D65, 563 / 256)


def from_code_points(primaries: int, transfer: int, full_range: bool = True) -> ColorEncoding:
    """The encoding of H.273 code points; what is unspecified is sRGB's.

    Raises:
        ValueError: a code point that we do not know.
    """
    if primaries not in PRIMARIES and primaries != UNSPECIFIED:
        raise ValueError(f"unknown color primaries {primaries}")
    if transfer not in TRANSFERS and transfer != UNSPECIFIED:
        raise ValueError(f"unknown transfer characteristics {transfer}")
    name, corners, white = PRIMARIES[1 if primaries == UNSPECIFIED else primaries]
    return ColorEncoding(name, corners, white, TRANSFERS.get(transfer, "srgb"), full_range)


def from_gamma(gamma: float | None, chromaticities: tuple[float, ...] | None) -> ColorEncoding:
    """The encoding of PNG's ``gAMA`` (as 0.45455) and ``cHRM`` (x and y of white, red, green, and blue).

    A gamma of 1/2.2 is how the PNG specification spells sRGB's curve for readers that know only ``gAMA``. It is
    taken for that curve, except with the primaries of Adobe RGB, whose gamma it also is.

    Raises:
        ValueError: numbers that no encoding has.
    """
    white, primaries = D65, SRGB_PRIMARIES
    if chromaticities is not None:
        white, *corners = zip(chromaticities[::2], chromaticities[1::2], strict=True)
        primaries = (corners[0], corners[1], corners[2])
        if not np.isfinite(rgb_to_xyz(primaries, white)).all():
            raise ValueError("impossible chromaticities")
    adobe = np.allclose(primaries, ADOBE_RGB.primaries, atol=2e-3)
    if gamma is None:
        transfer: Transfer = ADOBE_RGB.transfer if adobe else "srgb"
    elif not 0.05 <= gamma <= 10.0:
        raise ValueError(f"impossible gamma {gamma:g}")
    else:
        transfer = "srgb" if abs(gamma - 1 / 2.2) < 1e-4 and not adobe else 1.0 / gamma
    return ColorEncoding("the colors of gAMA and cHRM", primaries, white, transfer)


def rgb_to_xyz(primaries: tuple[Chromaticity, Chromaticity, Chromaticity], white: Chromaticity) -> NDArray[np.float64]:
    """(3, 3) from linear RGB to XYZ.

    Raises:
        ValueError: the primaries span no space.
    """
    try:
        corners = np.array([[x / y, 1.0, (1.0 - x - y) / y] for x, y in primaries]).T
        target = np.array([white[0] / white[1], 1.0, (1.0 - white[0] - white[1]) / white[1]])
        return np.asarray(corners * np.linalg.solve(corners, target))
    except (ArithmeticError, np.linalg.LinAlgError):
        raise ValueError("impossible chromaticities") from None


def convert_to_srgb(image: Image.Image, encoding: ColorEncoding) -> Image.Image:
    """An 8-bit RGB image in another encoding → sRGB; see :func:`to_srgb_values`."""
    return image if encoding.is_srgb else Image.fromarray(to_srgb_values(np.asarray(image), encoding))


def to_srgb_values(values: NDArray[np.uint8] | NDArray[np.uint16], encoding: ColorEncoding) -> NDArray[np.uint8]:
    """Values in another encoding → sRGB 0..255. HDR is scaled so that 203 nits are white.

    Highlights beyond white keep their hue: they are divided by their largest channel.

    Args:
        values: (H, W, 3), 0..255 or 0..65535 by their type.
    """
    height, width, _ = values.shape
    result = np.empty((height, width, 3), np.uint8)
    largest = np.iinfo(values.dtype).max
    light = to_light(np.arange(largest + 1) / largest, encoding).astype(np.float32)
    matrix = _to_srgb_primaries(encoding).astype(np.float32)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = light[values[top : top + rows]]
        if encoding.transfer == "hlg":
            strip = _display_hlg(strip, encoding)
        strip = strip @ matrix.T
        if encoding.is_hdr:
            strip /= np.maximum(strip.max(axis=-1, keepdims=True), 1.0)
        result[top : top + rows] = _encode(strip)
    return result


def to_light(values: NDArray[np.float64], encoding: ColorEncoding) -> NDArray[np.float64]:
    """Values 0..1 → linear light, 1 for white; for HLG, the scene's light, 0..1 (BT.2100 tables 4 and 5)."""
    if not encoding.full_range:
        values = ((values * 255.0 - 16.0) / 219.0).clip(0.0, 1.0)
    match encoding.transfer:
        case "srgb":
            return srgb_to_linear(values)
        case "pq":
            root = values ** (32.0 / 2523.0)
            linear = np.maximum(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)
            return linear ** (8192.0 / 1305.0) * (10_000.0 / SDR_WHITE_NITS)
        case "hlg":
            high = (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12.0
            return np.where(values <= 0.5, values**2 / 3.0, high)
        case power:
            return np.asarray(values ** float(power))


def _display_hlg(scene: Floats, encoding: ColorEncoding) -> Floats:
    """HLG scene light → light of the nominal display, 1 for 203 nits."""
    luminance = scene @ rgb_to_xyz(encoding.primaries, encoding.white)[1].astype(np.float32)
    scale = HLG_PEAK_NITS / SDR_WHITE_NITS * luminance ** (HLG_GAMMA - 1.0)
    return scene * scale[..., None].astype(np.float32)


def _to_srgb_primaries(encoding: ColorEncoding) -> NDArray[np.float64]:
    """(3, 3) between linear spaces. White stays white: Bradford's adaptation where the white differs from D65."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    source, target = rgb_to_xyz(encoding.primaries, encoding.white), rgb_to_xyz(SRGB_PRIMARIES, D65)
    gains = (bradford @ target.sum(axis=1)) / (bradford @ source.sum(axis=1))
    return np.asarray(np.linalg.solve(target, np.linalg.solve(bradford, gains[:, None] * bradford) @ source))


@lru_cache(maxsize=1)
def _srgb_table() -> NDArray[np.uint8]:
    """sRGB values of light in steps of 1/65535, found exactly: a level begins where its lower neighbor's half ends."""
    halves = (np.arange(255) + 0.5) / 255.0
    return np.searchsorted(srgb_to_linear(halves), np.arange(65536) / 65535.0).astype(np.uint8)


def _encode(light: Floats) -> NDArray[np.uint8]:
    steps = np.nan_to_num(light, nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0) * np.float32(65535.0)
    return _srgb_table()[(steps + np.float32(0.5)).astype(np.uint16)]


def describe_hdr(encoding: ColorEncoding) -> str:
    """The note about a picture whose HDR was lost."""
    kind = "PQ" if encoding.transfer == "pq" else "HLG"
    return f"HDR ({kind}, {encoding.name}) was tone-mapped to SDR with white at {SDR_WHITE_NITS:g} nits"
