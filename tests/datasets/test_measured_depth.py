"""Photos with measured depth: the index, nerfstudio folders, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from measured import write_measured
from PIL import Image
from truths import write_scene

from sharp_cli.datasets.measured_depth import measured_photos
from sharp_cli.errors import SharpError


def test_the_index_gives_a_splits_photos_with_their_inverse_depth(tmp_path: Path) -> None:
    write_measured(tmp_path, {"room-1": "test", "room-2": "train", "hall-b-1": "test"})
    found = measured_photos(tmp_path)
    assert [(photo.name, photo.group) for photo in found] == [("room-1", "room"), ("hall-b-1", "hall-b")]
    photo, inverse = found[0].load()
    assert photo.pixels.shape == (24, 36, 3)
    assert inverse.shape == (12, 18)
    assert (inverse[0] == 0).all()
    np.testing.assert_allclose(inverse[1, [0, -1]], [0.5, 1.5], atol=1e-4)
    assert len(measured_photos(tmp_path, None)) == 3


def test_nerfstudio_frames_with_depth(tmp_path: Path) -> None:
    write_scene(tmp_path / "scene", [0.0, 0.1])
    found = measured_photos(tmp_path)
    assert [photo.group for photo in found] == ["scene", "scene"]
    photo, inverse = found[0].load()
    assert photo.focal_px > 0
    assert inverse.shape == photo.pixels.shape[:2]
    assert (inverse > 0).any()


def test_what_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match=r"neither an index\.csv nor a transforms\.json"):
        measured_photos(tmp_path)
    write_measured(tmp_path, {"room-1": "test"})
    with pytest.raises(SharpError, match="no row with split 'train'"):
        measured_photos(tmp_path, "train")
    Image.new("RGB", (4, 4)).save(tmp_path / "inverse_depth" / "room-1.png")
    with pytest.raises(SharpError, match="16-bit PNG"):
        measured_photos(tmp_path)[0].load()
    (tmp_path / "index.csv").write_text("name\nroom-1\n")
    with pytest.raises(SharpError, match="peak_inverse_depth"):
        measured_photos(tmp_path)
