"""Cameras of photos that have none, by COLMAP (``pycolmap``)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sharp_cli.errors import SharpError, install_extra
from sharp_cli.multiview.posed import PosedPhoto
from sharp_cli.photo import Photo
from sharp_cli.photo.focal_judgment import NOT_KNOWN

LONG_SIDE = 1600
"""Of the pictures that features are found in [px]."""


def find_cameras(
    photos: Sequence[tuple[str, Photo]], *, note: Callable[[str], None] = lambda text: None
) -> list[PosedPhoto]:
    """Reconstruct where photos were taken from. The unit of length is arbitrary.

    Args:
        photos: names and photos.
        note: called with one sentence for each photo that cannot be registered.

    Raises:
        SharpError: pycolmap is missing, or fewer than two photos can be registered.
    """
    try:
        import pycolmap
    except ImportError as error:
        raise SharpError(
            f"photos without cameras need pycolmap ({install_extra('sfm')}; or give the cameras)"
        ) from error
    pycolmap.logging.minloglevel = 3
    with tempfile.TemporaryDirectory(prefix="sharp-sfm-") as folder:
        model = _reconstruct(pycolmap, Path(folder), [photo for _, photo in photos])
    registered = {image.name: image for image in model.images.values() if image.has_pose} if model else {}
    found = []
    for index, (name, photo) in enumerate(photos):
        image = registered.get(_file(index))
        if image is None:
            note(f"{name} is left out: it shares too few details with the other photos")
            continue
        viewmat = np.eye(4)
        viewmat[:3] = image.cam_from_world().matrix()
        focal = model.cameras[image.camera_id].focal_length * photo.width / model.cameras[image.camera_id].width
        found.append(PosedPhoto(name, Photo(photo.pixels, float(focal), "from several photos"), viewmat))
    if len(found) < 2:
        raise SharpError(
            f"only {len(found)} of {len(photos)} photos could be placed (take them closer together, or give their "
            "cameras)"
        )
    return found


def _reconstruct(pycolmap: Any, folder: Path, photos: Sequence[Photo]) -> Any:
    """The largest model, or None."""
    images, database = folder / "images", folder / "database.db"
    images.mkdir()
    for index, photo in enumerate(photos):
        picture = Image.fromarray(photo.pixels)
        picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        picture.save(images / _file(index))
    reader = pycolmap.ImageReaderOptions(camera_model="SIMPLE_PINHOLE")
    try:
        pycolmap.extract_features(
            database,
            images,
            camera_mode=pycolmap.CameraMode.PER_IMAGE,
            reader_options=reader,
        )
        _set_focal_lengths(pycolmap, database, photos)
        pycolmap.match_exhaustive(database)
        options = pycolmap.IncrementalPipelineOptions(min_model_size=2, random_seed=0)
        options.mapper.init_min_num_inliers = 50
        # Photos taken side by side, without a turn, leave focal length and depth open: trust what is known.
        options.ba_refine_focal_length = any(photo.focal_source.startswith(NOT_KNOWN) for photo in photos)
        models = pycolmap.incremental_mapping(database, images, folder / "models", options=options)
    except (RuntimeError, ValueError) as error:
        raise SharpError(f"the photos' cameras could not be found ({str(error).splitlines()[0]})") from error
    return max(models.values(), key=lambda model: model.num_reg_images(), default=None)


def _set_focal_lengths(pycolmap: Any, database: Path, photos: Sequence[Photo]) -> None:
    """Start from the focal lengths that the photos say."""
    with pycolmap.Database.open(database) as base:
        cameras = {camera.camera_id: camera for camera in base.read_all_cameras()}
        for image in base.read_all_images():
            camera, photo = cameras[image.camera_id], photos[int(Path(image.name).stem)]
            camera.focal_length = photo.focal_px * camera.width / photo.width
            camera.has_prior_focal_length = True
            base.update_camera(camera)


def _file(index: int) -> str:
    return f"{index:05d}.png"
