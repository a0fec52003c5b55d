"""Cameras of a COLMAP model: a folder with ``cameras`` and ``images`` as ``.bin`` or ``.txt``.

Poses are world to camera with OpenCV axes and pixel centers at half integers, as here. Cameras come in the order of
their pictures' names. The layout is documented at https://colmap.github.io/format.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch

from sharp_cli.cameras.frames import Frame, Intrinsics, make_intrinsics
from sharp_cli.cameras.lenses import Lens
from sharp_cli.cameras.transforms import opencv_lens
from sharp_cli.errors import SharpError
from sharp_cli.gaussians.covariance import rotation_from_quats

MODELS = {
    0: ("SIMPLE_PINHOLE", ("f", "cx", "cy")),
    1: ("PINHOLE", ("fx", "fy", "cx", "cy")),
    2: ("SIMPLE_RADIAL", ("f", "cx", "cy", "k1")),
    3: ("RADIAL", ("f", "cx", "cy", "k1", "k2")),
    4: ("OPENCV", ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2")),
    5: ("OPENCV_FISHEYE", ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4")),
    6: ("FULL_OPENCV", ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")),
    8: ("SIMPLE_RADIAL_FISHEYE", ("f", "cx", "cy", "k1")),
    9: ("RADIAL_FISHEYE", ("f", "cx", "cy", "k1", "k2")),
}
"""Number in binary files → name, and what the parameters are. Other models are refused."""
PARAMETERS = dict(MODELS.values())

UNSUPPORTED = {7: "FOV", 10: "THIN_PRISM_FISHEYE", 11: "RAD_TAN_THIN_PRISM_FISHEYE"}

FOLDERS = ("", "sparse/[0-9]*", "sparse", "colmap/sparse/[0-9]*", "dense/sparse")
"""Where models lie below the folder that is named."""
MAX_NAME = 1 << 12
POINT_BYTES = 24
"""Of each 2D point after an image in ``images.bin``."""
MAX_SIDE = 10**6


class Image(NamedTuple):
    """One picture of the model."""

    name: str
    pose: tuple[float, ...]
    """Quaternion w, x, y, z and translation, world to camera."""
    camera: int


def find_model(folder: Path) -> tuple[Path, Path] | None:
    """The ``cameras`` and ``images`` files of the model in or below a folder; None if there is none.

    COLMAP numbers the models of a scene that falls apart, in no order of size: the one with the most images counts.
    """
    for place in FOLDERS:
        folders = sorted(folder.glob(place)) if place else [folder]
        pairs = [(below / f"cameras{e}", below / f"images{e}") for below in folders for e in (".bin", ".txt")]
        found = [pair for pair in pairs if all(file.is_file() for file in pair)]
        if found:
            return max(found, key=lambda pair: (pair[1].suffix == ".bin", _image_count(pair[1])))
    return None


def _image_count(images: Path) -> int:
    """How many images a model says it has; 0 if it cannot be read."""
    with suppress(OSError, struct.error):
        if images.suffix == ".bin":
            with images.open("rb") as file:
                return int(_unpack(file, "<Q")[0])
        return sum(1 for _ in _text_lines(images)) // 2
    return 0


def read_colmap(cameras: Path, images: Path) -> list[Frame]:
    """Read a model.

    Raises:
        SharpError: a file that cannot be read, is damaged or holds no image, or an unsupported camera model.
    """
    binary = cameras.suffix == ".bin"
    try:
        known = dict(_binary_cameras(cameras) if binary else _text_cameras(cameras))
        found = sorted(_binary_images(images) if binary else _text_images(images))
    except OSError as error:
        raise SharpError(f"cannot read {error.filename or images}: {error.strerror or error}") from error
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise SharpError(f"cannot read the COLMAP model in {cameras.parent}: it is damaged ({error})") from error
    if not found:
        raise SharpError(f"cannot use {images}: it holds no image")
    missing = next((image for image in found if image.camera not in known), None)
    if missing:
        raise SharpError(f"cannot use {images}: camera {missing.camera} of {missing.name} is not in {cameras.name}")
    viewmats = _viewmats(images, [image.pose for image in found])
    return [
        Frame(viewmat, camera.K, camera.width, camera.height, camera.lens, images.parent, image.name)
        for viewmat, image in zip(viewmats, found, strict=True)
        for camera in [known[image.camera]]
    ]


def _viewmats(images: Path, poses: Sequence[tuple[float, ...]]) -> tuple[torch.Tensor, ...]:
    values = torch.tensor(poses, dtype=torch.float64)
    viewmats = torch.eye(4, dtype=torch.float64).repeat(len(values), 1, 1)
    viewmats[:, :3, :3] = rotation_from_quats(values[:, :4])
    viewmats[:, :3, 3] = values[:, 4:]
    viewmats = viewmats.float()
    if not viewmats.isfinite().all() or not (values[:, :4] != 0).any(dim=1).all():
        raise SharpError(f"cannot use {images}: a pose is not finite or has no rotation")
    return viewmats.unbind(0)


def _intrinsics(where: str, model: str, width: int, height: int, values: Sequence[float]) -> Intrinsics:
    names = PARAMETERS.get(model)
    if names is None:
        raise SharpError(f"{where}: camera model {model} is not supported (supported: {', '.join(PARAMETERS)})")
    if len(values) != len(names) or not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE:
        raise SharpError(f"{where}: the camera is damaged: {width} × {height} px, {len(values)} parameters")
    named = dict(zip(names, values, strict=True))
    focal = [named.get(key, named.get("f", 0.0)) for key in ("fx", "fy")]
    k = {key: named.get(key, 0.0) for key in ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")}
    if model.endswith("FISHEYE"):
        lens: Lens | None = Lens("fisheye", (k["k1"], k["k2"], k["k3"], k["k4"]))
    else:
        lens = opencv_lens(k, rational=model == "FULL_OPENCV")
    return make_intrinsics(where, (*focal, named["cx"], named["cy"]), width, height, lens)


def _binary_cameras(path: Path) -> Iterator[tuple[int, Intrinsics]]:
    with path.open("rb") as file:
        (count,) = _unpack(file, "<Q")
        for _ in range(count):
            key, number, width, height = _unpack(file, "<iiQQ")
            if number not in MODELS:
                name = UNSUPPORTED.get(number, f"number {number}")
                raise SharpError(f"{path}, camera {key}: camera model {name} is not supported (undistort the images)")
            model, names = MODELS[number]
            values = _unpack(file, f"<{len(names)}d")
            yield key, _intrinsics(f"{path}, camera {key}", model, width, height, values)


def _binary_images(path: Path) -> Iterator[Image]:
    with path.open("rb") as file:
        (count,) = _unpack(file, "<Q")
        for _ in range(count):
            _, *pose, camera = _unpack(file, "<i7di")
            name = bytearray()
            while (character := file.read(1)) not in (b"\0", b"") and len(name) < MAX_NAME:
                name += character
            (points,) = _unpack(file, "<Q")
            file.seek(points * POINT_BYTES, 1)
            yield Image(name.decode("utf-8", "replace"), tuple(pose), camera)


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _text_cameras(path: Path) -> Iterator[tuple[int, Intrinsics]]:
    for line in _text_lines(path):
        if not line:
            continue
        key, model, width, height, *values = line.split()
        where = f"{path}, camera {key}"
        yield int(key), _intrinsics(where, model, int(width), int(height), [float(value) for value in values])


def _text_images(path: Path) -> Iterator[Image]:
    lines = _text_lines(path)
    for line in lines:
        if not line:
            continue
        _, *pose, camera, name = line.split(maxsplit=9)
        if len(pose) != 7:
            raise ValueError(f"an image with {len(pose)} numbers for its pose")
        next(lines, "")  # its 2D points
        yield Image(name, tuple(float(value) for value in pose), int(camera))


def _text_lines(path: Path) -> Iterator[str]:
    """Lines without comments; blank ones stay, since an image without points has one."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.startswith("#"):
                yield line.strip()
