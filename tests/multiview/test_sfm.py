"""Cameras of photos that have none: what COLMAP says becomes ours, and what it cannot place is said."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from sharp_cli.errors import SharpError
from sharp_cli.multiview import sfm
from sharp_cli.photo import Photo

WIDTH, HEIGHT, FOCAL = 640, 480, 560.0
EYES = ((-0.6, 0.0, 0.0), (-0.2, 0.1, 0.0), (0.2, 0.0, 0.1), (0.6, -0.1, 0.0))


def photos(count: int) -> list[tuple[str, Photo]]:
    return [(f"{i}.jpg", Photo(np.zeros((30, 40, 3), np.uint8), 50.0, "test")) for i in range(count)]


def model_of(*indices: int) -> SimpleNamespace:
    """A COLMAP model of pictures of half the photos' size, each a step to the right of the one before."""

    def image(index: int) -> SimpleNamespace:
        pose = np.hstack([np.eye(3), [[-float(index)], [0.0], [0.0]]])
        return SimpleNamespace(
            name=f"{index:05d}.png",
            has_pose=True,
            camera_id=7,
            cam_from_world=lambda: SimpleNamespace(matrix=lambda: pose),
        )

    cameras = {7: SimpleNamespace(focal_length=25.0, width=20)}
    return SimpleNamespace(images={i: image(i) for i in indices}, cameras=cameras)


@pytest.fixture
def fake_colmap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycolmap", SimpleNamespace(logging=SimpleNamespace()))


@pytest.mark.usefixtures("fake_colmap")
def test_poses_and_focal_lengths_are_those_of_the_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sfm, "_reconstruct", lambda *_: model_of(0, 2))
    notes: list[str] = []
    found = sfm.find_cameras(photos(3), note=notes.append)
    assert [each.name for each in found] == ["0.jpg", "2.jpg"]
    assert found[0].photo.focal_px == 50.0, "of the photo's own pixels"
    np.testing.assert_allclose(found[1].eye, [2.0, 0.0, 0.0])
    (note,) = notes
    assert note.startswith("1.jpg is left out")


@pytest.mark.usefixtures("fake_colmap")
@pytest.mark.parametrize("model", [None, model_of(), model_of(1)])
def test_photos_that_cannot_be_placed_end_in_one_sentence(monkeypatch: pytest.MonkeyPatch, model: object) -> None:
    monkeypatch.setattr(sfm, "_reconstruct", lambda *_: model)
    with pytest.raises(SharpError, match=r"only [01] of 3 photos could be placed"):
        sfm.find_cameras(photos(3))


def test_without_pycolmap_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(SharpError, match="sfm"):
        sfm.find_cameras(photos(2))


def wall_seen_from(eye: tuple[float, float, float], texture: np.ndarray) -> Photo:
    """A corner of two textured walls, looking along z."""
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
    rays = np.stack([x / FOCAL, y / FOCAL, np.ones_like(x)], -1)
    place = np.array(eye)
    far = (4.0 - place[2]) / rays[..., 2]
    slanted = (3.0 - place[2] + 0.7 * place[0]) / (rays[..., 2] - 0.7 * rays[..., 0])
    depth = np.where(slanted > 0, np.minimum(far, slanted), far)
    points = place + rays * depth[..., None]
    columns = ((points[..., 0] + 4) * 120).astype(int) % texture.shape[1]
    rows = ((points[..., 1] + 4) * 120).astype(int) % texture.shape[0]
    return Photo(texture[rows, columns], FOCAL, "test")


def blotches(seed: int) -> np.ndarray:
    """(1024, 1024, 3) random blotches of many sizes, which never repeat."""
    rng = np.random.default_rng(seed)
    total = np.zeros((1024, 1024, 3))
    for size in (4, 8, 16, 32, 64):
        coarse = rng.normal(size=(1024 // size, 1024 // size, 3))
        total += np.kron(coarse, np.ones((size, size, 1)))
    return np.clip(128 + 25 * total, 0, 255).astype(np.uint8)


@pytest.mark.slow
def test_colmap_places_what_overlaps_and_leaves_the_rest_out() -> None:
    pytest.importorskip("pycolmap")
    texture = blotches(0)
    named = [(f"{index}.jpg", wall_seen_from(eye, texture)) for index, eye in enumerate(EYES)]
    notes: list[str] = []
    found = sfm.find_cameras([*named, ("other.jpg", wall_seen_from(EYES[0], blotches(1)))], note=notes.append)
    assert [each.name for each in found] == [name for name, _ in named]
    assert [note.split(" is left out")[0] for note in notes] == ["other.jpg"]
    true, ours = (np.array(eyes) for eyes in (EYES, [each.eye for each in found]))
    steps, found_steps = (np.linalg.norm(np.diff(eyes, axis=0), axis=1) for eyes in (true, ours))
    np.testing.assert_allclose(found_steps / found_steps.sum(), steps / steps.sum(), rtol=0.03)  # the unit is arbitrary
    for each in found:
        assert each.photo.focal_px == pytest.approx(FOCAL, rel=1e-3), "known, so it stays"


@pytest.mark.slow
def test_colmap_says_so_when_nothing_overlaps() -> None:
    pytest.importorskip("pycolmap")
    with pytest.raises(SharpError, match="could be placed"):
        sfm.find_cameras([(f"{i}.jpg", wall_seen_from(EYES[0], blotches(i))) for i in range(3)])
