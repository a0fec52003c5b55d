"""Several photos to one splat: measured disparity, fits, and which photo shows what; on a room with known depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from panoramas import splat_of_depth
from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.multiview.agreement import without_disagreeing
from sharp_cli.multiview.consensus import measure_photos
from sharp_cli.multiview.disparity import Affine, Surroundings, correction, fit_affine
from sharp_cli.multiview.joining import PlacedSplat, join
from sharp_cli.multiview.merge import merge_photos, place
from sharp_cli.multiview.posed import PosedPhoto, posed_from_file, stereo_pair
from sharp_cli.multiview.semiglobal import smooth_cost
from sharp_cli.multiview.stereo import split_stereo
from sharp_cli.multiview.sweep import measure
from sharp_cli.photo import Photo, photo_from_array

WIDTH, HEIGHT, FOCAL = 192, 144, 160.0


def noise_color(points: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 of a texture that never repeats."""
    x, y, z = (points[..., axis] for axis in range(3))
    parts = [np.sin(f * x + p * z) + np.sin(f * y - p * x + f) for f, p in ((3.1, 5.3), (7.7, 4.1), (13.3, 9.7))]
    return np.clip(np.stack([128 + 30 * sum(parts) + 20 * part for part in parts], -1), 0, 255).astype(np.uint8)


def seen_from(eye: tuple[float, float, float], name: str = "photo") -> tuple[PosedPhoto, np.ndarray]:
    """A photo of the room from a place, looking along z, and its true depth."""
    place = np.array(eye)
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
    rays = np.stack([x / FOCAL, y / FOCAL, np.ones_like(x)], -1)
    walls = np.array([2.0, 1.5, 4.0])
    with np.errstate(divide="ignore"):
        depth = np.where(rays > 0, (walls - place) / rays, np.where(rays < 0, (-walls - place) / rays, np.inf)).min(-1)
    pixels = noise_color(place + rays * depth[..., None])
    viewmat = np.eye(4)
    viewmat[:3, 3] = -place
    return PosedPhoto(name, Photo(pixels, FOCAL, "test"), viewmat), depth


def network(a: float = 1.0, b: float = 0.0):
    """Predicts the true depth of the photos it knows, but for an affine fault in disparity."""
    known: dict[bytes, np.ndarray] = {}

    def predict(photo: Photo) -> Gaussians:
        return splat_of_depth(photo.pixels, 1 / (a / known[photo.pixels.tobytes()] + b), FOCAL)

    return known, predict


def unrelated(posed: PosedPhoto) -> PosedPhoto:
    """A photo of something else with the same camera."""
    noise = np.random.default_rng(0).integers(0, 255, posed.photo.pixels.shape, np.uint8)
    return PosedPhoto("noise", Photo(noise, FOCAL, "test"), posed.viewmat)


def test_the_sweep_measures_disparity() -> None:
    first, depth = seen_from((0, 0, 0))
    second, _ = seen_from((0.3, 0, 0))
    found = measure(first, [second])
    assert np.isfinite(found).mean() > 0.3
    assert np.nanmedian(np.abs(found * depth - 1)) < 0.02


def test_an_unrelated_neighbor_does_not_hide_a_related_one() -> None:
    first, depth = seen_from((0, 0, 0))
    second, _ = seen_from((0.3, 0, 0))
    other = unrelated(second)
    found = measure_photos([first, second, other])[0]
    assert np.isfinite(found).mean() > 0.2
    assert np.nanmedian(np.abs(found * depth - 1)) < 0.03


def test_photos_of_different_things_share_nothing() -> None:
    first, _ = seen_from((0, 0, 0))
    second, _ = seen_from((0.3, 0, 0))
    other = unrelated(second)
    assert all(np.isfinite(each).mean() < 0.005 for each in measure_photos([first, other]))


def test_smoothing_prefers_the_plane_of_the_neighbors_and_keeps_edges() -> None:
    true = np.repeat([2, 6], 12)
    cost = torch.full((9, 16, 24), 1.0)
    for column, plane in enumerate(true):
        cost[plane, :, column] = 0.3
    cost[7, 5, 4] = cost[0, 9, 18] = 0.1  # a better match by chance
    gray = torch.from_numpy(np.where(true == 2, 50.0, 200.0)).float().expand(16, 24)
    found = smooth_cost(cost, gray).argmin(dim=0)
    np.testing.assert_array_equal(found.numpy(), np.broadcast_to(true, (16, 24)))


def test_affine_fits_ignore_outliers() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 1.0, 2000)
    y = 1.7 * x + 0.05
    y[:600] = rng.uniform(0, 2, 600)
    fit = fit_affine(x, y)
    assert fit is not None
    assert fit.a == pytest.approx(1.7, rel=0.02)
    assert fit.b == pytest.approx(0.05, abs=0.01)
    assert fit_affine(x[:10], y[:10]) is None
    assert fit_affine(x, rng.uniform(0.001, 100, 2000)) is None


def test_the_correction_is_local_and_ends_where_things_do() -> None:
    ratios = torch.full((96, 128), torch.nan)
    ratios[10:40:3, 10:60:3] = 0.2
    colors = torch.full((3, 96, 128), 0.2)
    colors[:, :, 62:] = 0.9  # another thing begins
    around = Surroundings(ratios, torch.zeros(96, 128), colors)
    places = torch.tensor([[30 / 128, 20 / 96], [58 / 128, 20 / 96], [66 / 128, 20 / 96], [120 / 128, 90 / 96]])
    own = torch.tensor([0.2, 0.2, 0.9, 0.9])[:, None].expand(4, 3)
    found = correction(around, places, torch.zeros(4), own)
    torch.testing.assert_close(found, torch.tensor([0.2, 0.2, 0.0, 0.0]), atol=0.02, rtol=0)


def test_faults_in_scale_and_offset_are_removed() -> None:
    known, predict = network(a=0.6, b=0.02)
    photos = []
    for eye in ((0, 0, 0), (0.3, 0, 0)):
        posed, depth = seen_from(eye)
        known[posed.photo.pixels.tobytes()] = depth
        photos.append(posed)
    found = place(photos[0], predict(photos[0].photo), measure_photos(photos)[0])
    assert found is not None
    true = known[photos[0].photo.pixels.tobytes()]
    error = found.depth.numpy() / true - 1
    assert np.median(np.abs(error)) < 0.02


def test_surfaces_seen_twice_are_shown_once_and_others_are_kept() -> None:
    known, predict = network()
    photos = []
    for eye in ((0, 0, 0), (0.6, 0, 0)):
        posed, depth = seen_from(eye)
        known[posed.photo.pixels.tobytes()] = depth
        photos.append(posed)
    measured = measure_photos(photos)
    placed = [place(posed, predict(posed.photo), each) for posed, each in zip(photos, measured, strict=True)]
    merged = join([each for each in placed if each is not None])
    single = WIDTH * HEIGHT
    assert single < len(merged) < 1.6 * single
    z = merged.means[:, 2]
    assert merged.means[:, 0][z > 0].max() > 1.9
    assert torch.isfinite(merged.means).all()


def test_an_unrelated_photo_is_left_out_and_the_rest_goes_on() -> None:
    known, predict = network()
    photos = []
    for eye in ((0, 0, 0), (0.3, 0, 0), (0.1, 0.1, 0)):
        posed, depth = seen_from(eye, f"{eye}")
        known[posed.photo.pixels.tobytes()] = depth
        photos.append(posed)
    noise = np.random.default_rng(0).integers(0, 255, photos[0].photo.pixels.shape, np.uint8)
    known[noise.tobytes()] = depth
    photos.append(PosedPhoto("noise.jpg", Photo(noise, FOCAL, "test"), photos[1].viewmat))
    notes: list[str] = []
    merged = merge_photos(photos, predict, note=notes.append)
    assert len(notes) == 1 and "noise.jpg" in notes[0]
    assert merged.facts["photos"] == "3"
    with pytest.raises(SharpError, match="overlap"):
        merge_photos([photos[0], photos[-1]], predict)


def placed_at(eye: tuple[float, float, float], too_near: float = 1.0) -> PlacedSplat:
    """A photo of the room with true depth, but for a factor."""
    posed, depth = seen_from(eye, f"{eye}")
    wrong = depth / too_near
    splat = splat_of_depth(posed.photo.pixels, wrong, FOCAL)
    return PlacedSplat(posed, splat, torch.from_numpy(wrong).float(), Affine(1, 0, 1, 0))


@pytest.mark.parametrize("wrong", [0, 1, 2, 3])
def test_a_photo_that_harms_its_neighbors_is_left_out(wrong: int) -> None:
    eyes = ((0.0, 0, 0), (0.3, 0, 0), (0.1, 0.1, 0), (0.2, -0.1, 0))
    placed = [placed_at(eye, too_near=4.0 if index == wrong else 1.0) for index, eye in enumerate(eyes)]
    notes: list[str] = []
    kept = without_disagreeing(placed, notes.append)
    assert kept == [each for index, each in enumerate(placed) if index != wrong]
    assert len(notes) == 1 and f"{eyes[wrong]} is left out" in notes[0]


def test_photos_that_agree_stay_and_of_two_nobody_is_judged() -> None:
    eyes = ((0.0, 0, 0), (0.3, 0, 0), (0.6, 0.1, 0))
    placed = [placed_at(eye) for eye in eyes]
    assert without_disagreeing(placed, pytest.fail) == placed
    pair = [placed[0], placed_at(eyes[1], too_near=4.0)]
    assert without_disagreeing(pair, pytest.fail) == pair


def test_a_photo_without_a_finite_splat_is_left_out() -> None:
    known, predict = network()
    photos = []
    for index in range(3):
        posed, depth = seen_from((0.2 * index, 0, 0), f"photo {index}")
        known[posed.photo.pixels.tobytes()] = depth
        photos.append(posed)

    def broken(photo: Photo) -> Gaussians:
        if photo is photos[1].photo:
            raise SharpError("the network gave a value that is not finite", "not_finite")
        return predict(photo)

    notes: list[str] = []
    merged = merge_photos(photos, broken, note=notes.append)
    assert notes == ["photo 1 is left out: the network gave a value that is not finite"]
    assert merged.means.isfinite().all()


def test_stereo_files_are_split(tmp_path: Path) -> None:
    left, _ = seen_from((0, 0, 0))
    right, _ = seen_from((0.06, 0, 0))
    one, two = (Image.fromarray(posed.photo.pixels) for posed in (left, right))
    one.save(tmp_path / "pair.mpo", format="MPO", save_all=True, append_images=[two], quality=95)
    Image.fromarray(np.concatenate([left.photo.pixels, right.photo.pixels], axis=1)).save(tmp_path / "sbs.png")
    for name, tolerance in (("pair.mpo", 8), ("sbs.png", 0)):
        parts = split_stereo(tmp_path / name)
        for part, posed in zip(parts, (left, right), strict=True):
            assert np.median(np.abs(part.pixels.astype(int) - posed.photo.pixels)) <= tolerance
    one.save(tmp_path / "one.png")
    with pytest.raises(SharpError, match="side by side"):
        split_stereo(tmp_path / "one.png")


def test_a_stereo_pair_has_parallel_cameras() -> None:
    photo = photo_from_array(np.zeros((10, 20, 3), np.uint8))
    pair = stereo_pair(photo, photo, 0.063)
    np.testing.assert_allclose(pair[1].eye - pair[0].eye, [0.063, 0, 0])
    with pytest.raises(SharpError, match="above 0"):
        stereo_pair(photo, photo, 0)
    with pytest.raises(SharpError, match="one size"):
        stereo_pair(photo, photo_from_array(np.zeros((10, 30, 3), np.uint8)), 0.063)


def test_cameras_come_from_a_file(tmp_path: Path) -> None:
    from sharp_cli.cameras.transforms import write_transforms
    from sharp_cli.cameras.views import Views

    photos = [seen_from((0.1 * index, 0, 0))[0] for index in range(2)]
    for index, posed in enumerate(photos):
        Image.fromarray(posed.photo.pixels).save(tmp_path / f"{index}.png")
    viewmats = torch.from_numpy(np.stack([posed.viewmat for posed in photos])).float()
    Ks = torch.from_numpy(np.stack([posed.intrinsics for posed in photos])).float()
    write_transforms(tmp_path / "transforms.json", [Views(viewmats, Ks, WIDTH, HEIGHT)], ["0.png", "1.png"])
    found, problems = posed_from_file(tmp_path / "transforms.json", [])
    assert not problems
    np.testing.assert_allclose(found[1].viewmat, photos[1].viewmat, atol=1e-6)
    assert found[1].photo.focal_px == pytest.approx(FOCAL)
    stranger = tmp_path / "stranger.png"
    Image.fromarray(photos[0].photo.pixels).save(stranger)
    found, problems = posed_from_file(tmp_path, [tmp_path / "0.png", stranger])
    assert len(found) == 1 and "stranger.png" in problems[0]
