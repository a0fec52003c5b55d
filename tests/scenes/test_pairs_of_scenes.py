"""Drawn pairs: reproducible, consistent between the two views, varied, resumable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from sharp_cli.datasets.view_pair import ViewPair, stack_pairs
from sharp_cli.errors import SharpError
from sharp_cli.scenes import SceneConfig, ScenePairs, make_pair, seeds
from sharp_cli.scenes.bank import folder_crops, load_bank
from sharp_cli.scenes.layouts import LAYOUTS
from sharp_cli.scenes.pair import draw_layout

SIZE = (72, 96)


@pytest.fixture(scope="module")
def pairs() -> list[ViewPair]:
    return [make_pair(seed, SIZE) for seed in seeds("test")[:16]]


def as_bytes(pair: ViewPair) -> bytes:
    arrays = [pair.photo]
    for view in (pair.input, pair.novel):
        arrays += [view.image, view.depth, view.K, view.viewmat]
    return b"".join(array.tobytes() for array in arrays)


def test_a_seed_gives_the_same_bytes_again(pairs: list[ViewPair]) -> None:
    for seed in (0, 7, 11):
        assert as_bytes(make_pair(seed, SIZE)) == as_bytes(pairs[seed])
    assert len({as_bytes(pair) for pair in pairs}) == len(pairs)


def test_no_scene_is_in_two_splits() -> None:
    splits = [seeds(split) for split in ("train", "validation", "test")]
    for i, one in enumerate(splits):
        assert len(one) >= 10_000
        for other in splits[:i]:
            assert one[-1] < other[0] or other[-1] < one[0]


def test_a_pair_names_its_kind_of_scene(pairs: list[ViewPair]) -> None:
    kinds = {pair.layout for pair in pairs}
    assert kinds <= set(LAYOUTS) and len(kinds) > 3
    assert all(np.median(pair.input.depth) < 15 for pair in pairs if pair.layout in ("room", "tabletop", "still_life"))


def test_kinds_of_scene_can_be_chosen(pairs: list[ViewPair]) -> None:
    chosen = SceneConfig(layouts=("street", "stage"))
    assert {make_pair(seed, 48, chosen).layout for seed in range(8)} == {"street", "stage"}
    everything = make_pair(0, SIZE, SceneConfig(layouts=tuple(LAYOUTS)))
    assert as_bytes(everything) == as_bytes(pairs[0])
    with pytest.raises(SharpError, match=r"unknown kind of scene: moon \(choose from room, "):
        SceneConfig(layouts=("room", "moon"))


def test_views_are_what_they_say(pairs: list[ViewPair]) -> None:
    for pair in pairs:
        assert (pair.input.viewmat == np.eye(4)).all()
        for view in (pair.input, pair.novel):
            assert view.image.shape == (*SIZE, 3) and view.image.dtype == np.uint8
            assert view.depth.shape == SIZE and view.depth.dtype == np.float32
            assert np.isfinite(view.depth).all() and view.depth.min() > 0.05 and view.depth.max() <= 1000
            assert view.K[0, 2] == SIZE[1] / 2 and view.K[1, 2] == SIZE[0] / 2
        turn, way = pair.novel.viewmat[:3, :3], pair.novel.viewmat[:3, 3]
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) > 0
        assert np.linalg.norm(way) <= 0.6


def test_scenes_vary(pairs: list[ViewPair]) -> None:
    images = np.stack([pair.input.image for pair in pairs]).astype(float)
    assert (images.std(axis=(1, 2)).max(axis=1) > 8).all()  # none is empty
    assert images.mean(axis=(1, 2, 3)).std() > 8
    nearest = np.array([pair.input.depth.min() for pair in pairs])
    deepest = np.array([np.percentile(pair.input.depth, 95) for pair in pairs])
    assert nearest.max() / nearest.min() > 5 and deepest.max() / deepest.min() > 20
    assert any((pair.input.depth == 1000).mean() > 0.1 for pair in pairs)
    assert any(pair.input.depth.max() < 20 for pair in pairs)
    wide = np.array([pair.input.K[0, 0] / SIZE[1] for pair in pairs])
    assert wide.max() / wide.min() > 1.4


def test_what_both_views_see_agrees(pairs: list[ViewPair]) -> None:
    """Novel pixels, unprojected with their depth, land in the input view on the same surface and color."""
    differences, agreeing, in_front, total = [], 0, 0, 0
    for pair in pairs:
        seen, colors, depth, projected = reproject(pair)
        same = seen & (np.abs(projected - depth) < 0.02 * depth)
        agreeing, total = agreeing + same.sum(), total + seen.sum()
        in_front += (seen & (projected < 0.95 * depth)).sum()
        difference = np.abs(colors.astype(float) - pair.novel.image).mean(axis=2)[same]
        differences.append(np.median(difference))
    assert agreeing > 0.65 * total  # the rest is hidden in the input view, as it should be in places, …
    assert in_front < 0.06 * total  # … but nothing can stand before what is seen there, edges aside
    assert np.median(differences) < 4
    assert max(differences) < 20
    mirrored = [np.abs(pair.input.image[:, ::-1].astype(float) - pair.novel.image).mean() for pair in pairs]
    assert np.median(mirrored) > 4 * np.median(differences)


def reproject(pair: ViewPair) -> tuple[np.ndarray, ...]:
    """For each novel pixel: whether it falls into the input view, the color and depth there, its own depth there."""
    rows, columns = np.indices(SIZE) + 0.5
    novel, K = pair.novel, pair.input.K
    pixels = np.stack([columns, rows, np.ones(SIZE)], axis=2)
    points = novel.depth[..., None] * (pixels @ np.linalg.inv(novel.K).T)
    points = (points - novel.viewmat[:3, 3]) @ novel.viewmat[:3, :3]
    x, y = (K[i, i] * points[..., i] / points[..., 2] + K[i, 2] for i in (0, 1))
    seen = (points[..., 2] > 0) & (x > 1) & (x < SIZE[1] - 1) & (y > 1) & (y < SIZE[0] - 1) & (novel.depth < 1000)
    i, j = (np.where(seen, value, 1).astype(int) for value in (y, x))
    return seen, pair.input.image[i, j], pair.input.depth[i, j], points[..., 2]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_kind_of_scene_fills_the_tracers_arrays(name: str) -> None:
    bank = load_bank()
    for seed in range(8):
        scene, framing = draw_layout(np.random.default_rng(seed), bank, name)
        assert len(scene.kinds) > 2 and np.isfinite(scene.to_local).all() and np.isfinite(scene.materials).all()
        assert scene.material.max() < len(scene.materials) and framing.subject > 0
        assert scene.materials[:, 0].max() < len(bank.textures.texels)
        assert sorted(scene.leaf[scene.leaf >= 0]) == list(range(len(scene.kinds)))


def test_workers_give_what_one_process_gives(pairs: list[ViewPair]) -> None:
    loader = DataLoader(
        ScenePairs("test", SIZE), sampler=range(2, 6), batch_size=2, num_workers=2, collate_fn=stack_pairs
    )
    batches = list(loader)
    assert len(batches) == 2
    for i, batch in enumerate(batches):
        expected = stack_pairs(pairs[2 + 2 * i : 4 + 2 * i])
        assert all((one == other).all() for one, other in zip(batch, expected, strict=True))
    assert batches[0].photo.shape == (2, 3, *SIZE) and batches[0].photo.max() <= 1
    assert batches[0].input_depth.shape == (2, 1, *SIZE)


def test_the_photo_is_degraded_only_where_asked(pairs: list[ViewPair]) -> None:
    assert any((pair.photo != pair.input.image).any() for pair in pairs)
    plain = make_pair(0, SIZE, SceneConfig(degrade=False))
    assert (plain.photo == plain.input.image).all()
    assert (plain.input.image == pairs[0].input.image).all()


def test_textures_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no readable photo")
    Image.new("RGB", (90, 60), (200, 30, 30)).save(tmp_path / "red.png")
    crops = list(folder_crops(tmp_path))
    assert len(crops) == 2
    assert all(crop.shape == (256, 256, 3) and (crop == (200, 30, 30)).all() for crop in crops)


def test_textures_from_a_folder_without_photos(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match="no readable photo"):
        load_bank(tmp_path)
    with pytest.raises(SharpError, match="does not exist"):
        load_bank(tmp_path / "missing")
