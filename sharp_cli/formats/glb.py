"""``.glb`` with ``KHR_gaussian_splatting``: glTF for engines and web viewers. Write only.

glTF's axes are y up and −z forward, so positions and rotations are turned half around x. Colors are stored twice:
as degree-0 coefficients, and as linear vertex colors for viewers that show points.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SplatColumns
from sharp_cli.formats.metadata import MOST_BYTES, parse_metadata, to_metadata
from sharp_cli.formats.reading import reading
from sharp_cli.formats.stored import StoredSplat, check_some, half_turned
from sharp_cli.gaussians.sh import SH_C0
from sharp_cli.runtime.files import atomic_write
from sharp_cli.runtime.srgb import srgb_to_linear
from sharp_cli.version import __version__

EXTENSION = "KHR_gaussian_splatting"
FLOAT, UNSIGNED_BYTE = 5126, 5121
TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
JSON_CHUNK, BINARY_CHUNK = b"JSON", b"BIN\0"


def write_glb(path: str | PathLike[str], splat: StoredSplat, provenance: Mapping[str, str] | None = None) -> None:
    """Write a ``.glb`` file; spherical harmonics up to degree 3 go along.

    Raises:
        SharpError: there is no Gaussian.
        OSError: the file cannot be written.
    """
    check_some(splat, path)
    attributes = _attributes(half_turned(splat).columns.to_write())
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []
    parts: list[bytes] = []
    start = 0
    for values in attributes.values():
        content = values.tobytes()
        content += bytes(-len(content) % 4)
        views.append({"buffer": 0, "byteOffset": start, "byteLength": len(content), "target": 34962})
        accessors.append(_accessor(values, len(views) - 1))
        parts.append(content)
        start += len(content)
    binary = b"".join(parts)
    accessors[0] |= {
        "min": attributes["POSITION"].min(axis=0).tolist(),
        "max": attributes["POSITION"].max(axis=0).tolist(),
    }
    document = _document(list(attributes), views, accessors, len(binary))
    document["asset"]["extras"] = to_metadata(splat, provenance)
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary))
    with atomic_write(Path(path)) as temporary, temporary.open("wb") as file:
        file.write(head + struct.pack("<I4s", len(text), JSON_CHUNK) + text)
        file.write(struct.pack("<I4s", len(binary), BINARY_CHUNK) + binary)


def read_glb_metadata(path: Path) -> dict[str, str]:
    """What :func:`write_glb` stored beside the Gaussians of a complete file.

    Raises:
        SharpError: not such a file, or an incomplete one.
    """
    with reading(path) as file, file.open("rb") as stream:
        magic, _, length, size, _ = struct.unpack("<4sIII4s", stream.read(20).ljust(20, b"\0"))
        if magic != b"glTF" or length != file.stat().st_size or size > MOST_BYTES:
            raise SharpError("not a complete .glb file")
        try:
            asset = json.loads(stream.read(size))["asset"]
            return parse_metadata(asset.get("extras"))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise SharpError(f"damaged .glb file: {type(error).__name__} {error}") from error


def _attributes(columns: SplatColumns) -> dict[str, npt.NDArray[Any]]:
    linear = srgb_to_linear(0.5 + SH_C0 * columns.dc)
    colors = np.column_stack([linear.clip(0, 1), columns.opacities])
    values: dict[str, npt.NDArray[Any]] = {
        "POSITION": columns.means,
        "COLOR_0": np.rint(255 * colors).astype(np.uint8),
        f"{EXTENSION}:ROTATION": np.roll(columns.quats, -1, axis=1).astype("<f4"),
        f"{EXTENSION}:SCALE": np.exp(columns.log_scales).astype("<f4"),
        f"{EXTENSION}:OPACITY": columns.opacities.astype("<f4"),
        f"{EXTENSION}:SH_DEGREE_0_COEF_0": columns.dc.astype("<f4"),
    }
    if columns.sh is not None:
        for index in range(columns.sh.shape[1]):
            degree = int(np.sqrt(index + 1))
            name = f"{EXTENSION}:SH_DEGREE_{degree}_COEF_{index + 1 - degree * degree}"
            values[name] = np.ascontiguousarray(columns.sh[:, index], "<f4")
    return values


def _accessor(values: npt.NDArray[Any], view: int) -> dict[str, Any]:
    bytes_only = values.dtype == np.uint8
    return {
        "bufferView": view,
        "componentType": UNSIGNED_BYTE if bytes_only else FLOAT,
        "count": len(values),
        "type": TYPES[values.shape[1] if values.ndim == 2 else 1],
        **({"normalized": True} if bytes_only else {}),
    }


def _document(
    names: list[str], views: list[dict[str, Any]], accessors: list[dict[str, Any]], length: int
) -> dict[str, Any]:
    kind = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}
    primitive = {
        "mode": 0,
        "attributes": {name: index for index, name in enumerate(names)},
        "extensions": {EXTENSION: kind},
    }
    return {
        "asset": {"version": "2.0", "generator": f"sharp-cli {__version__}"},
        "extensionsUsed": [EXTENSION],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": length}],
    }
