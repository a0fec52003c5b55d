"""``.sog`` version 2 (PlayCanvas): a zip of lossless WebP images, one pixel a Gaussian; the smallest format here.

The predictor's Gaussians lie on two image grids, so in their own order, as wide as the grid, each image is a picture
and compresses best. Other splats are sorted along a Morton curve.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

try:
    from lzma import LZMAError
except ImportError:  # a Python without it, whose zip files cannot be compressed so
    from zlib import error as LZMAError  # type: ignore[assignment]

import numpy as np
import numpy.typing as npt
from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.formats.codebook import fit_codebook, fit_palette, quantize
from sharp_cli.formats.columns import Floats, SplatColumns, any_values, morton_order
from sharp_cli.formats.metadata import MOST_BYTES, parse_metadata, to_metadata, with_metadata
from sharp_cli.formats.quaternions import largest_first, with_largest
from sharp_cli.formats.reading import drop_bad_rows, reading
from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.grid import find_grid
from sharp_cli.runtime.files import atomic_write
from sharp_cli.version import __version__

LARGEST_SIDE = 16_383
"""Pixels; WebP's limit."""
PALETTE = 1 << 16
"""Most entries for spherical harmonics: labels have 16 bits."""
PALETTE_COLUMNS = 64
META = "meta.json"
USUAL_META = 1 << 20
"""Bytes; other tools compress it, but a larger one cannot be much larger than its file."""
IMAGE_BYTES = 1 << 30
GAUSSIANS_PER_BYTE, FEW = 4, 1 << 20
"""A file may hold this many Gaussians a byte, or ``FEW`` if that is more; real files have about 0.1."""

Pixels = npt.NDArray[np.uint8]


def write_sog(path: str | PathLike[str], splat: StoredSplat, provenance: Mapping[str, str] | None = None) -> None:
    """Write a ``.sog`` file.

    Raises:
        SharpError: too many Gaussians for WebP's size limit (268 million).
        OSError: the file cannot be written.
    """
    content = sog_bytes(splat, provenance)
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(content)


@any_values()
def sog_bytes(splat: StoredSplat, provenance: Mapping[str, str] | None = None) -> bytes:
    """The content of a ``.sog`` file; raises as :func:`write_sog`."""
    columns = splat.columns.to_write()
    width = find_grid(columns.means, splat.camera)
    if width is None or width % 4:
        columns = columns.take(morton_order(columns.means))
        width = 4 * math.ceil(math.sqrt(len(columns.means)) / 4)
    width = max(width, 4)
    height = max(4 * math.ceil(len(columns.means) / width / 4), 4)
    if max(width, height) > LARGEST_SIDE:
        raise SharpError(f"{len(columns.means):,} Gaussians are too many for .sog (write .ply or .spz)")
    meta, images = _encode(columns)
    meta["asset"]["sharp"] = to_metadata(splat, provenance)
    with ThreadPoolExecutor(2) as pool:
        encoded = dict(zip(images, pool.map(lambda name: _to_webp(images[name], width, height), images), strict=True))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [(META, json.dumps(meta).encode()), *encoded.items()]:
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def read_sog(path: str | PathLike[str], warn: Callable[[str], None] = lambda text: None) -> StoredSplat:
    """Read a ``.sog`` file of version 2.

    Raises:
        SharpError: it cannot be read, is not such a file, is damaged, or declares more than its size allows.
    """
    with reading(path) as file, _as_sog_errors(), zipfile.ZipFile(file) as archive:
        meta = _meta(archive, file.stat().st_size)
        if not isinstance(meta, dict) or meta.get("version") != 2:
            found = meta.get("version", 1) if isinstance(meta, dict) else "unknown"
            raise SharpError(f"a .sog file of version {found}, and only version 2 is read (save it again)")
        columns = _decode(archive, meta, file.stat().st_size)
        return with_metadata(drop_bad_rows(columns, path, warn), _metadata(meta))


def read_sog_metadata(path: Path) -> dict[str, str]:
    """What :func:`write_sog` stored beside the Gaussians of a complete file.

    Raises:
        SharpError: not such a file, or an incomplete one.
    """
    with reading(path) as file, _as_sog_errors(), zipfile.ZipFile(file) as archive:
        meta = _meta(archive, file.stat().st_size)
        return _metadata(meta) if isinstance(meta, dict) else {}


@contextmanager
def _as_sog_errors() -> Iterator[None]:
    """Name what goes wrong while a zip and its JSON are read."""
    try:
        yield
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, LZMAError) as error:
        raise SharpError(f"not a complete .sog file: {error}") from error
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise SharpError(f"damaged .sog file: {type(error).__name__} {error}") from error


def _meta(archive: zipfile.ZipFile, file_bytes: int) -> Any:
    return json.loads(_member(archive, META, min(MOST_BYTES, max(USUAL_META, 4 * file_bytes))))


def _metadata(meta: Mapping[str, Any]) -> dict[str, str]:
    """What we stored beside the Gaussians; nothing in other tools' files."""
    asset = meta.get("asset")
    return parse_metadata(asset.get("sharp") if isinstance(asset, dict) else None)


def _encode(columns: SplatColumns) -> tuple[dict[str, Any], dict[str, Pixels]]:
    """``meta.json``, and each image's pixels in rows (N, 3) or (N, 4)."""
    logs = np.sign(columns.means) * np.log1p(np.abs(columns.means.astype(np.float64)))
    low, high = logs.min(axis=0, initial=0.0), logs.max(axis=0, initial=0.0)
    fixed = np.rint((logs - low) / np.maximum(high - low, 1e-30) * 65535).astype(np.uint16)
    scale_book, color_book = fit_codebook(columns.log_scales), fit_codebook(columns.dc)
    largest, others = largest_first(columns.quats)
    alphas = np.rint(255 * columns.opacities).clip(0, 255).astype(np.uint8)
    rotations = np.rint(255 * (others / np.sqrt(2) + 0.5)).clip(0, 255)
    images = {
        "means_l.webp": (fixed & 255).astype(np.uint8),
        "means_u.webp": (fixed >> 8).astype(np.uint8),
        "quats.webp": np.column_stack([rotations, 252 + largest]).astype(np.uint8),
        "scales.webp": quantize(columns.log_scales, scale_book),
        "sh0.webp": np.column_stack([quantize(columns.dc, color_book), alphas]),
    }
    meta: dict[str, Any] = {
        "version": 2,
        "asset": {"generator": f"sharp-cli {__version__}"},
        "count": len(columns.means),
        "means": {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": scale_book.tolist(), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": color_book.tolist(), "files": ["sh0.webp"]},
    }
    if columns.sh is not None and len(columns.sh):
        meta["shN"] = _encode_harmonics(columns.sh, images)
    return meta, images


def _encode_harmonics(sh: Floats, images: dict[str, Pixels]) -> dict[str, Any]:
    coefficients = sh.shape[1]
    palette, labels = fit_palette(sh.reshape(len(sh), -1), PALETTE)
    book = fit_codebook(palette)
    rows = math.ceil(len(palette) / PALETTE_COLUMNS)
    centroids = np.zeros((rows * PALETTE_COLUMNS, coefficients, 3), np.uint8)
    centroids[: len(palette)] = quantize(palette, book).reshape(-1, coefficients, 3)
    images["shN_centroids.webp"] = centroids.reshape(rows, PALETTE_COLUMNS * coefficients, 3)
    images["shN_labels.webp"] = np.column_stack([labels & 255, labels >> 8, np.zeros_like(labels)]).astype(np.uint8)
    return {
        "count": len(palette),
        "bands": math.isqrt(coefficients + 1) - 1,
        "codebook": book.tolist(),
        "files": ["shN_centroids.webp", "shN_labels.webp"],
    }


def _to_webp(rows: Pixels, width: int, height: int) -> bytes:
    """Lossless WebP; ``exact`` keeps the colors of transparent pixels. (N, C) rows fill an image from the top."""
    if rows.ndim == 2:
        image = np.zeros((width * height, rows.shape[1]), np.uint8)
        image[: len(rows)] = rows
        rows = image.reshape(height, width, -1)
    buffer = io.BytesIO()
    Image.fromarray(rows).save(buffer, "WEBP", lossless=True, exact=True, quality=50, method=2)
    return buffer.getvalue()


def _decode(archive: zipfile.ZipFile, meta: Mapping[str, Any], file_bytes: int) -> SplatColumns:
    count = meta["count"]
    if not isinstance(count, int) or not 0 <= count <= max(FEW, GAUSSIANS_PER_BYTE * file_bytes):
        raise SharpError(f"damaged .sog file: {count} Gaussians cannot be in {file_bytes:,} bytes")
    most = 2 * max(FEW, GAUSSIANS_PER_BYTE * file_bytes)

    def image(kind: str, index: int, channels: int, needed: int = count) -> Pixels:
        return _image(archive, meta[kind]["files"][index], channels, needed, most)

    def book(kind: str) -> Floats:
        values = np.asarray(meta[kind]["codebook"], np.float32)
        if values.shape != (256,):
            raise SharpError(f"damaged .sog file: its {kind} codebook has the shape {values.shape}")
        return values

    low, high = (np.asarray(meta["means"][name], np.float64).reshape(3) for name in ("mins", "maxs"))
    fixed = image("means", 0, 3) + 256.0 * image("means", 1, 3)
    logs = low + (high - low) * (fixed / 65535)
    means = (np.sign(logs) * np.expm1(np.abs(logs))).astype(np.float32)
    quats = image("quats", 0, 4)
    largest = quats[:, 3].astype(np.int64) - 252
    if count and largest.min() < 0:
        raise SharpError("damaged .sog file: a rotation without its largest component")
    colors = image("sh0", 0, 4)
    return SplatColumns(
        means=means,
        log_scales=book("scales")[image("scales", 0, 3)],
        quats=with_largest(largest, ((quats[:, :3] / np.float32(255)) - np.float32(0.5)) * np.float32(math.sqrt(2))),
        opacities=colors[:, 3] / np.float32(255),
        dc=book("sh0")[colors[:, :3]],
        sh=_decode_harmonics(meta["shN"], book("shN"), image) if "shN" in meta else None,
    )


def _decode_harmonics(meta: Mapping[str, Any], book: Floats, image: Any) -> Floats:
    bands, entries = meta["bands"], meta["count"]
    if bands not in (1, 2, 3) or not isinstance(entries, int) or not 0 < entries <= PALETTE:
        raise SharpError(f"damaged .sog file: {entries} palette entries of {bands} bands")
    coefficients = (bands + 1) ** 2 - 1
    needed = math.ceil(entries / PALETTE_COLUMNS) * PALETTE_COLUMNS * coefficients
    centroids = book[image("shN", 0, 3, needed)].reshape(-1, coefficients, 3)
    labels = image("shN", 1, 3)
    places = labels[:, 0].astype(np.int64) + 256 * labels[:, 1].astype(np.int64)
    return centroids[places.clip(0, len(centroids) - 1)]


def _image(archive: zipfile.ZipFile, name: str, channels: int, needed: int, most: int) -> Pixels:
    """The first ``needed`` pixels of an image, (needed, channels)."""
    content = _member(archive, str(name), IMAGE_BYTES)
    try:
        with Image.open(io.BytesIO(content), formats=["WEBP", "PNG"]) as picture:
            if not needed <= picture.width * picture.height <= most:
                raise SharpError(f"damaged .sog file: {name} is {picture.width} × {picture.height}")
            pixels = np.asarray(picture.convert("RGBA" if channels == 4 else "RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise SharpError(f"damaged .sog file: {name}: {error}") from error
    return pixels.reshape(-1, channels)[:needed]


def _folder(archive: zipfile.ZipFile) -> str:
    """Where the members lie: nowhere, or in the one folder that was zipped instead of its content."""
    names = archive.NameToInfo
    if META in names:
        return ""
    folders = [name.removesuffix(META) for name in names if name.endswith(f"/{META}") and name.count("/") == 1]
    if len(folders) != 1:
        raise SharpError(f"not a .sog file: the archive holds no {META}")
    return folders[0]


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member's content, at most ``most`` bytes whatever its directory entry says."""
    with archive.open(_folder(archive) + name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise SharpError(f"damaged .sog file: {name} is larger than {most:,} bytes")
    return content
