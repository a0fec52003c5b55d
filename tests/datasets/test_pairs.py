"""The overlap rule on depth maps made by hand, and the choice of pairs from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truths import HEIGHT, WIDTH, camera, plane_view, pose, write_scene

from sharp_cli.datasets import pairs
from sharp_cli.datasets.pairs import DepthView, overlap, pair_samples
from sharp_cli.errors import SharpError

K = camera()


def wall(viewmat: np.ndarray, distance: float = 2.0) -> DepthView:
    return DepthView(plane_view(viewmat, K, distance).depth, K, viewmat)


@settings(max_examples=25)
@given(part=st.floats(0, 1))
def test_a_step_aside_by_a_part_of_the_picture_loses_that_part(part: float) -> None:
    # 2 m away the picture of 64 px shows 2 m · 64 / 50
    moved = wall(pose(x=part * 2.0 * WIDTH / 50))
    assert overlap(moved, wall(np.eye(4))) == pytest.approx(1 - part, abs=1.01 / WIDTH)
    assert overlap(wall(np.eye(4)), moved) == pytest.approx(1 - part, abs=1.01 / WIDTH)


def test_the_wider_view_is_seen_in_part_and_sees_all() -> None:
    # a step of 1 m toward a wall 2 m away: half of the width, half of the height
    near, far = wall(pose(z=1.0)), wall(np.eye(4))
    assert overlap(near, far) == 1.0
    assert overlap(far, near) == pytest.approx(0.25, abs=0.03)


def test_what_another_surface_hides_does_not_overlap() -> None:
    view = wall(np.eye(4))
    hidden = view.depth.copy()
    hidden[:, : WIDTH // 2] = 1.0  # something nearer on the left
    assert overlap(view, view._replace(depth=hidden)) == pytest.approx(0.5)
    assert overlap(view._replace(depth=hidden), view) == pytest.approx(0.5)
    assert overlap(view, view._replace(depth=0.96 * view.depth)) == 1.0  # within 5 %
    assert overlap(view, view._replace(depth=0.94 * view.depth)) == 0.0


def test_only_known_depth_counts() -> None:
    view = wall(np.eye(4))
    holes = view.depth.copy()
    holes[: HEIGHT // 2] = 0.0
    assert overlap(view._replace(depth=holes), view) == 1.0  # of what is known, all is seen
    assert overlap(view, view._replace(depth=holes)) == pytest.approx(0.5)
    assert overlap(view._replace(depth=0 * holes), view) == 0.0
    assert overlap(view, wall(pose(yaw=np.pi))._replace(depth=view.depth)) == 0.0  # back to back


def test_large_maps_are_judged_by_fewer_points() -> None:
    large = np.repeat(np.repeat(wall(np.eye(4)).depth, 10, axis=0), 10, axis=1)
    view = DepthView(large, np.diag([10.0, 10.0, 1.0]) @ K, pose(x=0.5 * 2.0 * WIDTH / 50))
    assert overlap(view, wall(np.eye(4))) == pytest.approx(0.5, abs=0.02)


def test_neighbors_become_pairs_both_ways_round(tmp_path: Path) -> None:
    # the picture is 2.56 m wide: 0.8 m away 69 % overlap, 1.6 m away 37 %
    file = write_scene(tmp_path, [0.0, 0.8, 1.6])
    samples = pair_samples(file)
    assert sorted(sample.name for sample in samples) == ["0-1", "1-0", "1-2", "2-1"]
    pair = next(sample for sample in samples if sample.name == "1-0").load()
    np.testing.assert_allclose(pair.novel.viewmat, pose(x=-0.8), atol=1e-6)
    expected = plane_view(np.eye(4), K, 2.0)
    np.testing.assert_array_equal(pair.novel.image, expected.image)
    np.testing.assert_array_equal(pair.novel.depth, expected.depth)
    np.testing.assert_array_equal(pair.input.viewmat, np.eye(4))
    np.testing.assert_allclose(pair.input.K, K)


def test_sets_of_ten_and_a_choice_that_the_seed_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scene(tmp_path / "b", [0.01 * i for i in range(13)])
    write_scene(tmp_path / "a", [0.0, 0.1])
    names = [sample.name for sample in pair_samples(tmp_path)]
    assert len(names) == 2 + 10 * 9 + 3 * 2  # everything overlaps within its set
    assert names[:2] in (["a/0-1", "a/1-0"], ["a/1-0", "a/0-1"])
    assert names == [sample.name for sample in pair_samples(tmp_path)]
    assert names != [sample.name for sample in pair_samples(tmp_path, seed=1)]
    monkeypatch.setattr(pairs, "MOST_PAIRS", 20)
    fewer = [sample.name for sample in pair_samples(tmp_path)]
    assert len(set(fewer)) == 20
    assert [name for name in names if name in fewer] == fewer


def test_scenes_without_pairs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match=r"no transforms\.json in"):
        pair_samples(tmp_path)
    with pytest.raises(SharpError, match="share 60% of a surface"):
        pair_samples(write_scene(tmp_path / "a", [0.0, 5.0]))
    with pytest.raises(SharpError, match="at least two frames"):
        pair_samples(write_scene(tmp_path / "b", [0.0, 0.1], depth=False))
    file = write_scene(tmp_path / "c", [0.0, 0.1])
    (tmp_path / "c" / "1.npy").unlink()
    with pytest.raises(SharpError, match=r"1\.npy"):
        pair_samples(file)
