"""Windows cut and put back together, for any grid that the config allows."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharp_cli.model.encoder import FINE, MIDDLE
from sharp_cli.model.windows import merge_windows, split_windows


@settings(max_examples=20)
@given(st.integers(1, 8), st.integers(1, 3), st.sampled_from([(FINE, 4, 4), (MIDDLE, 2, 2)]))
def test_merging_undoes_splitting(quarters: int, photos: int, pyramid: tuple[int, int, int]) -> None:
    per_side, windows_wide, share = pyramid
    grid = 4 * quarters
    image = torch.rand(photos, 2, windows_wide * grid, windows_wide * grid)
    windows = split_windows(image, grid, per_side)
    assert windows.shape == (per_side**2 * photos, 2, grid, grid)
    assert torch.equal(merge_windows(windows, per_side, grid // share), image)


def test_the_photo_index_runs_fastest() -> None:
    image = torch.arange(2.0)[:, None, None, None].expand(2, 1, 16, 16)
    windows = split_windows(image, 8, 3)
    assert windows[:, 0, 0, 0].tolist() == [0, 1] * 9
