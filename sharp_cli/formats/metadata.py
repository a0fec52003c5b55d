"""Camera, facts and provenance of a splat as words to text: inside the file, or in a record beside it.

Formats without room get a record ``NAME.json`` beside the file: ``photo.splat.json``. It holds the file's size too,
so that a record of another file of that name does not count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SplatColumns
from sharp_cli.formats.ply_layout import CAMERA_FACTS, PROVENANCE
from sharp_cli.formats.registry import record_path
from sharp_cli.formats.stored import StoredSplat, half_turned
from sharp_cli.gaussians.axes import Axes, Up
from sharp_cli.gaussians.facts import current_key
from sharp_cli.gaussians.gaussians import Blending, Camera, Gaussians
from sharp_cli.runtime.files import atomic_write

MAX_SIDE = 10**6
"""Pixels; a camera beyond it is damage."""
MOST_BYTES = 1 << 24
"""Of metadata as JSON: longer is neither written nor read."""
FOCAL_LENGTHS = (1e-3, 1e9)
"""Pixels, likewise: nothing else can be rendered."""


def to_metadata(splat: StoredSplat, provenance: Mapping[str, str] | None = None) -> dict[str, str]:
    """The camera and the up axis, if known, the blending, the facts, and how the file is made.

    Raises:
        SharpError: more than readers accept.
    """
    facts = {"_".join(key.split()): value for key, value in splat.facts.items() if key not in CAMERA_FACTS}
    if camera := splat.camera:
        facts = {"image_size": f"{camera.width} {camera.height}", "focal_px": f"{camera.focal_px:.9g}", **facts}
    if splat.up:
        facts["up"] = splat.up
    metadata = {**facts, "blending": splat.blending, **(provenance or {})}
    if len(json.dumps(metadata)) > MOST_BYTES // 2:  # the rest is for the format's own entries, and for indents
        raise SharpError(f"cannot write the splat: its facts fill more than {MOST_BYTES >> 21} MB (shorten them)")
    return metadata


def with_metadata(columns: SplatColumns, metadata: Mapping[str, str]) -> StoredSplat:
    """A splat with what :func:`to_metadata` stored; what is damaged is left out."""
    facts = {key: value for key, value in metadata.items() if key not in CAMERA_FACTS + PROVENANCE}
    blending = parse_blending(metadata, ours=bool(metadata))
    camera, up = parse_camera(metadata), parse_up(metadata)
    return from_axes(StoredSplat(columns, camera, facts, blending, up), metadata)


def check_axes(axes: Axes) -> None:
    """Raise SharpError for unknown axes."""
    if axes not in get_args(Axes):
        raise SharpError(f"unknown axes '{axes}' (choose {', '.join(get_args(Axes))})")


def to_axes(
    splat: StoredSplat, provenance: Mapping[str, str] | None, axes: Axes
) -> tuple[StoredSplat, Mapping[str, str] | None]:
    """A splat and its provenance as writers need them for a file with these axes."""
    if axes == "opencv":
        return splat, provenance
    return half_turned(splat), {**(provenance or {}), "axes": axes}


def from_axes(splat: StoredSplat, metadata: Mapping[str, str]) -> StoredSplat:
    """The splat of a file in OpenCV's axes, whichever its metadata names."""
    return half_turned(splat) if metadata.get("axes") == "opengl" else splat


def parse_metadata(value: Any) -> dict[str, str]:
    """What JSON holds in place of metadata; nothing if it is not an object."""
    return {current_key(str(key)): str(text) for key, text in value.items()} if isinstance(value, dict) else {}


def write_with_record(path: Path, content: bytes, metadata: Mapping[str, str]) -> None:
    """Write a file and its record. If one of them cannot be written, both stay as they are.

    Raises:
        OSError: one of them cannot be written.
    """
    record = json.dumps({"sharp": dict(metadata), "bytes": len(content)}, indent=1)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
        with atomic_write(record_path(path)) as note:  # which comes first, so that a complete file has its record
            note.write_text(record + "\n", encoding="ascii")


def read_record(path: Path) -> dict[str, str]:
    """The metadata in the record beside a file; nothing if there is none, or it is of another file."""
    with suppress(OSError, ValueError, RecursionError, TypeError, KeyError):
        if record_path(path).stat().st_size <= MOST_BYTES:
            record = json.loads(record_path(path).read_bytes())
            if record["bytes"] == path.stat().st_size:
                return parse_metadata(record["sharp"])
    return {}


def blending_fact(splat: Gaussians | StoredSplat) -> dict[str, str]:
    """The blending as a fact; none for linear light, the rule in files that this program writes."""
    return {} if splat.blending == "linear" else {"blending": splat.blending}


def parse_blending(metadata: Mapping[str, str], ours: bool) -> Blending:
    """How a file's Gaussians are blended: as its facts say, else in linear light if it is ours or the published tool's.

    Other tools train splats by comparing blended sRGB with photos, and their viewers blend sRGB.
    """
    if metadata.get("blending") == "srgb":
        return "srgb"
    return "linear" if ours else "srgb"


def parse_up(metadata: Mapping[str, str]) -> Up | None:
    """The axis that points up; None if it is missing or unknown."""
    axes: tuple[Up, ...] = get_args(Up)
    return next((axis for axis in axes if axis == metadata.get("up")), None)


def parse_camera(metadata: Mapping[str, str]) -> Camera | None:
    """The photo's camera from ``image_size`` and ``focal_px``; None if one is missing or absurd."""
    try:
        width, height = metadata["image_size"].split()
        camera = Camera(int(width), int(height), float(metadata["focal_px"]))
    except (KeyError, ValueError, OverflowError):
        return None
    return camera if is_sound(camera) else None


def is_sound(camera: Camera) -> bool:
    """Whether a camera that was read can be one."""
    sides = 0 < camera.width <= MAX_SIDE and 0 < camera.height <= MAX_SIDE
    return sides and FOCAL_LENGTHS[0] <= camera.focal_px <= FOCAL_LENGTHS[1]
