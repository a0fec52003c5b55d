"""Folders of plain photos, without poses or depth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch.utils.data import Dataset

from sharp_cli.datasets.posed import load_photo
from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.errors import SharpError
from sharp_cli.photo.suffixes import PHOTO_SUFFIXES


@dataclass(frozen=True)
class Photos(Dataset[ViewPair]):
    """Photos as pairs of which only the input counts."""

    paths: tuple[Path, ...]
    size: int
    """Side of the square to which photos are resized [px]."""

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> ViewPair:
        view = load_photo(self.paths[index], self.size)
        return ViewPair(view, view, view.image)


def find_photos(folder: Path, pattern: str = "**/*") -> list[Path]:
    """The photos in a folder by their suffixes, in the order of their names.

    Args:
        pattern: ``**/*`` also searches the folders below, ``*`` does not.

    Raises:
        SharpError: there are none.
    """
    found = sorted(path for path in folder.glob(pattern) if path.suffix.lower() in PHOTO_SUFFIXES)
    if not found:
        raise SharpError(f"no photos in {folder}")
    return found
