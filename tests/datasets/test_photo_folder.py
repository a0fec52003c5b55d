"""Photos of a folder: found by suffix, the same suffixes as in batches, and read by content."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from sharp_cli.datasets.photo_folder import Photos, find_photos
from sharp_cli.errors import SharpError


@pytest.mark.parametrize("name", ["a.avif", "a.jfif", "a.gif", "A.GIF", "a.jpg", "a.heic"])
def test_every_photo_suffix_counts(name: str, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    Image.new("RGB", (24, 16), "orange").save(tmp_path / "below" / name, "PNG")  # content decides how it is read
    (tmp_path / "notes.txt").touch()
    (found,) = find_photos(tmp_path)
    assert found.name == name
    pair = Photos((found,), 8)[0]
    assert pair.photo.shape == (8, 8, 3) and not pair.input.depth.any()


def test_photos_below_are_found_only_if_asked_for(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.png", "below/c.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in find_photos(tmp_path)] == ["a.png", "b.jpg", "c.webp"]
    assert [path.name for path in find_photos(tmp_path, "*")] == ["a.png", "b.jpg"]


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match="no photos in"):
        find_photos(tmp_path)
