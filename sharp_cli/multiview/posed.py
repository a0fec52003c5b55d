"""Photos whose cameras are known, from camera files and from stereo pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharp_cli.cameras.camera_file import read_cameras
from sharp_cli.cameras.frames import Frame
from sharp_cli.errors import SharpError
from sharp_cli.photo import Photo, read_photo

Floats = npt.NDArray[np.float64]

CENTER = 0.05
"""How far a principal point may lie from the picture's center, as a share of its side: the network assumes it there."""
ASPECT = 0.01


@dataclass(frozen=True, eq=False)
class PosedPhoto:
    """A photo and where it was taken from."""

    name: str
    photo: Photo
    """Its focal length is the camera's."""
    viewmat: Floats
    """(4, 4) world to camera: x right, y down, z forward."""

    @property
    def intrinsics(self) -> Floats:
        """(3, 3) [px], the principal point in the center."""
        f, photo = self.photo.focal_px, self.photo
        return np.array([[f, 0, photo.width / 2], [0, f, photo.height / 2], [0, 0, 1.0]])

    def reduced(self, long_side: int) -> tuple[int, int, Floats]:
        """Width and height [px] with the longer at most ``long_side``, and the (3, 3) intrinsics of that size."""
        photo = self.photo
        scale = min(1.0, long_side / max(photo.width, photo.height))
        width, height = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
        return width, height, np.diag([width / photo.width, height / photo.height, 1.0]) @ self.intrinsics

    def axes_from(self, other: PosedPhoto) -> Floats:
        """(4, 4) from another photo's camera axes to this one's."""
        relative: Floats = self.viewmat @ np.linalg.inv(other.viewmat)
        return relative

    @property
    def eye(self) -> Floats:
        """(3,) position in the world."""
        place: Floats = -self.viewmat[:3, :3].T @ self.viewmat[:3, 3]
        return place


def posed_from_file(cameras: Path, wanted: Sequence[Path]) -> tuple[list[PosedPhoto], list[str]]:
    """Photos with the cameras of a file or folder (``transforms.json``, COLMAP, ...).

    Args:
        wanted: the photos to use, matched by file name; none: all that the file names and that exist.

    Returns:
        The photos, and one sentence for each that cannot be used.

    Raises:
        SharpError: the file cannot be read.
    """
    frames = {Path(frame.picture_name or "").name: frame for frame in read_cameras(cameras)}
    stems = {Path(name).stem: frame for name, frame in frames.items()}
    if not wanted:
        found = [(frame, frame.picture) for frame in frames.values()]
        pairs = [(frame, place) for frame, picture in found if (place := _place(picture, cameras)) is not None]
    else:
        pairs = [(frames.get(path.name) or stems.get(path.stem), path) for path in wanted]  # type: ignore[misc]
    photos, problems = [], []
    for frame, path in pairs:
        try:
            photos.append(_posed(frame, path, cameras))
        except SharpError as error:
            problems.append(str(error))
    return photos, problems


def stereo_pair(
    left: Photo, right: Photo, baseline: float, names: tuple[str, str] = ("left", "right")
) -> list[PosedPhoto]:
    """Two photos of parallel cameras side by side.

    Args:
        baseline: distance between them [m].

    Raises:
        SharpError: a distance that is not positive, or photos of different sizes.
    """
    if not (math.isfinite(baseline) and baseline > 0):
        raise SharpError(f"the distance between two cameras must be above 0, not {baseline}", "usage")
    if left.pixels.shape != right.pixels.shape:
        sizes = " and ".join(f"{photo.width} × {photo.height}" for photo in (left, right))
        raise SharpError(f"a stereo pair needs two photos of one size, not {sizes}")
    viewmat = np.eye(4)
    viewmat[0, 3] = -baseline
    right = Photo(right.pixels, left.focal_px, left.focal_source)
    return [PosedPhoto(names[0], left, np.eye(4)), PosedPhoto(names[1], right, viewmat)]


def _place(picture: Path | None, cameras: Path) -> Path | None:
    """Where a picture lies; COLMAP's models name pictures that lie in a folder beside the model's."""
    if picture is None:
        return None
    top = cameras if cameras.is_dir() else cameras.parent
    folders = [top / "images", top.parent / "images", top.parent.parent / "images", top]
    for place in (picture, *(folder / picture.name for folder in folders)):
        if place.is_file():
            return place
    return None


def _posed(frame: Frame | None, path: Path, cameras: Path) -> PosedPhoto:
    if frame is None:
        raise SharpError(f"cannot use {path}: {cameras} has no camera for it")
    if frame.lens is not None:
        raise SharpError(f"cannot use {path}: its camera has lens distortion (undistort the photo and its camera)")
    photo = read_photo(path)
    if abs(photo.width * frame.height - photo.height * frame.width) > ASPECT * frame.width * frame.height:
        raise SharpError(
            f"cannot use {path}: its {photo.width} × {photo.height} pixels do not fit the {frame.width} × "
            f"{frame.height} of its camera"
        )
    K = frame.K.double().numpy()
    shift = abs(K[0, 2] / frame.width - 0.5), abs(K[1, 2] / frame.height - 0.5)
    if max(shift) > CENTER or abs(K[0, 0] - K[1, 1]) > 0.02 * K[0, 0]:
        raise SharpError(f"cannot use {path}: its camera has an off-center axis or pixels that are not square")
    focal = float(K[0, 0]) * photo.width / frame.width
    return PosedPhoto(
        path.name, Photo(photo.pixels, focal, f"camera file {cameras.name}"), frame.viewmat.double().numpy()
    )
