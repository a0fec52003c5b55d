"""Users' own data to train on: posed images with depth (``transforms.json``), and plain photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch.utils.data import ConcatDataset, Dataset

from sharp_cli.cameras.frames import Frame, require_pinholes
from sharp_cli.cameras.transforms import read_transforms
from sharp_cli.datasets.view_pair import View, ViewPair
from sharp_cli.errors import SharpError
from sharp_cli.photo import read_photo

ORIGIN = np.eye(4)


@dataclass(frozen=True)
class FolderPairs(Dataset[ViewPair]):
    """Pairs of posed pictures with depth, read when asked for; :func:`posed_pairs` makes one."""

    frames: tuple[Frame, ...]
    pairs: tuple[tuple[int, int], ...]
    """Input and novel frame of each pair."""
    size: tuple[int, int]
    """(height, width) to which pictures are resized."""

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> ViewPair:
        first, second = (self.frames[i] for i in self.pairs[index])
        relative = second.viewmat.double().numpy() @ np.linalg.inv(first.viewmat.double().numpy())
        seen = load_view(first, self.size, ORIGIN)
        return ViewPair(seen, load_view(second, self.size, relative), seen.image)


def posed_pairs(path: Path, size: int | tuple[int, int], *, farthest: float = 0.6, widest: float = 40.0) -> FolderPairs:
    """All pairs of a ``transforms.json``, or a folder with one, whose cameras are near each other; both ways round.

    Args:
        size: side in pixels, or (height, width).
        farthest: longest way between the two cameras [m]; the file's unit is taken for meters.
        widest: largest angle between their directions [degrees].

    Raises:
        SharpError: no such file, pictures or depth missing from it, or no two cameras near enough.
    """
    file = path / "transforms.json" if path.is_dir() else path
    frames = tuple(read_transforms(file))
    require_pinholes(file, frames)
    for frame in frames:
        if frame.picture is None or frame.depth is None:
            raise SharpError(f"cannot train on {file}: every frame needs file_path and depth_file_path")
    poses = np.stack([np.linalg.inv(frame.viewmat.double().numpy()) for frame in frames])
    eyes, forward = poses[:, :3, 3], poses[:, :3, 2]
    apart = np.linalg.norm(eyes[:, None] - eyes[None], axis=2)
    turned = np.degrees(np.arccos(np.clip(forward @ forward.T, -1, 1)))
    near = (apart <= farthest) & (turned <= widest) & ~np.eye(len(frames), dtype=bool)
    if not near.any():
        raise SharpError(f"cannot train on {file}: no two cameras are within {farthest} m and {widest}° of each other")
    pairs = tuple((int(i), int(j)) for i, j in np.argwhere(near))
    return FolderPairs(frames, pairs, (size, size) if isinstance(size, int) else size)


def posed_folders(path: Path, size: int) -> Dataset[ViewPair]:
    """Pairs of a ``transforms.json``, of a folder with one, or of all of those below a folder.

    Raises:
        SharpError: there is none, or it cannot be used.
    """
    if path.is_file() or (path / "transforms.json").is_file():
        return posed_pairs(path, size)
    files = sorted(path.rglob("transforms.json"))
    if not files:
        raise SharpError(f"no transforms.json in {path} or below")
    return ConcatDataset([posed_pairs(file, size) for file in files])


def load_view(frame: Frame, size: tuple[int, int], viewmat: NDArray[np.float64]) -> View:
    """A frame's picture and depth at ``size`` (height, width), with its intrinsics scaled likewise.

    Raises:
        SharpError: a file is missing or damaged, or the picture has another shape than the frame says.
    """
    assert frame.picture is not None and frame.depth is not None
    pixels = read_photo(frame.picture).pixels
    if abs(pixels.shape[1] * frame.height - pixels.shape[0] * frame.width) > 0.01 * frame.height * frame.width:
        raise SharpError(
            f"cannot use {frame.picture}: its {pixels.shape[1]} × {pixels.shape[0]} pixels (upright) do not fit the "
            f"{frame.width} × {frame.height} of its camera (remove the EXIF rotation, or correct the camera)"
        )
    K = frame.K.double().numpy().copy()
    K[0] *= size[1] / frame.width
    K[1] *= size[0] / frame.height
    return View(_resized(pixels, size), _nearest(read_depth(frame.depth), size), K, viewmat)


def read_depth(path: Path) -> NDArray[np.float32]:
    """(H, W) z in meters, 0 where it is not known: 16-bit PNG in millimeters, ``.npy`` or float TIFF in meters.

    Raises:
        SharpError: missing, damaged, or of another kind.
    """
    try:
        if path.suffix.lower() == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            with Image.open(path) as image:
                values = np.asarray(image)
    except FileNotFoundError:
        raise SharpError(f"cannot read {path}: this depth file does not exist") from None
    except (OSError, ValueError, UnidentifiedImageError) as error:
        raise SharpError(f"cannot read the depth file {path}: {error}") from None
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or 0 in values.shape or (values.dtype.kind == "u" and values.dtype.itemsize < 2):
        raise SharpError(f"cannot read {path}: depth must have one channel, in 16-bit millimeters or float meters")
    meters = values.astype(np.float32) * (np.float32(1) if values.dtype.kind == "f" else np.float32(1e-3))
    return np.where(np.isfinite(meters) & (meters > 0), meters, np.float32(0))


def load_photo(path: Path, size: int | tuple[int, int]) -> View:
    """Any photo as a view at the origin: its depth is not known (0), its focal length is EXIF's.

    Raises:
        SharpError: see :func:`sharp_cli.photo.read_photo`.
    """
    height, width = (size, size) if isinstance(size, int) else size
    photo = read_photo(path)
    fx, fy = photo.focal_px * width / photo.width, photo.focal_px * height / photo.height
    K = np.array([[fx, 0.0, width / 2], [0.0, fy, height / 2], [0.0, 0.0, 1.0]])
    return View(_resized(photo.pixels, (height, width)), np.zeros((height, width), np.float32), K, ORIGIN)


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = size
    if pixels.shape[:2] == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def _nearest(depth: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Depth is picked, not averaged: between two surfaces there is none."""
    rows, columns = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(size, depth.shape, strict=True))
    return np.ascontiguousarray(depth[rows[:, None], columns])
