"""Label a folder of photos with trained teachers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sharp_cli.datasets.photo_folder import find_photos
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.training.teacher.config import LabelsConfig
from sharp_cli.training.teacher.labels import label_photos, write_labels
from sharp_cli.training.teacher.train import load_teacher

LABELS = "labels.safetensors"


def label_folder(
    config: LabelsConfig, folder: Path, log: Callable[[str], None], stop: Callable[[], bool] = lambda: False
) -> Path:
    """Write what teachers say of a folder's photos, and return the file.

    Args:
        folder: gets ``labels.safetensors``.
        log: called with lines about the progress.
        stop: asked again and again; true ends it.

    Raises:
        SharpError: there is no photo, or a teacher or a photo cannot be read.
        KeyboardInterrupt: it was stopped, and nothing written.
    """
    keep_freed_memory()
    paths = find_photos(Path(config.photos), "*")
    teachers = [load_teacher(Path(teacher), Path(config.features)) for teacher in config.teachers]

    def views(path: Path) -> int:
        return config.views_of_varied if path.name.startswith(config.varied) else config.views

    labels = label_photos(teachers, paths, views, log, stop)
    write_labels(folder / LABELS, labels, {"photos": str(len(paths))})
    return folder / LABELS
